import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

/** One OpenSearch node for tests: TestNode HOME KEY=VALUE... Plugins come from the class path. */
public final class TestNode extends Node {
    private TestNode(Environment environment, Collection<PluginInfo> plugins) {
        super(environment, plugins, false);
    }

    private static PluginInfo plugin(String className) {
        return new PluginInfo(className, "from the class path", "1", Version.CURRENT, "21", className,
            null, List.of(), false);
    }

    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath();
        Files.createDirectories(home.resolve("config"));
        Settings.Builder settings = Settings.builder()
            .put("path.home", home.toString())
            .put("cluster.name", "gatetrail-tests")
            .put("network.host", "127.0.0.1")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("node.store.allow_mmap", false)
            .put("cluster.routing.allocation.disk.threshold_enabled", false);
        for (int i = 1; i < args.length; i++) {
            int equals = args[i].indexOf('=');
            String key = args[i].substring(0, equals), value = args[i].substring(equals + 1);
            if (value.contains(","))
                settings.putList(key, value.split(","));
            else
                settings.put(key, value);
        }
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings.build(), Map.of(), null, () -> "node");
        List<PluginInfo> plugins = new ArrayList<>();
        plugins.add(plugin("org.opensearch.transport.Netty4ModulePlugin"));
        TestNode node = new TestNode(environment, plugins);
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception failure) {
                failure.printStackTrace();
            }
            main.interrupt();
        }));
        node.start();
        try {
            Thread.sleep(Long.MAX_VALUE);
        } catch (InterruptedException stopped) {
            // the shutdown hook has closed the node
        }
    }
}
