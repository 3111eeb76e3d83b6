// The same fields by libsimdjson's on-demand parser: read each plain file, count the records whose
// eventSource and eventName match. usage: simdjson_fields FOLDER
#include <simdjson.h>

#include <cstdio>
#include <filesystem>

int main(int argc, char **argv)
{
    simdjson::ondemand::parser parser;
    size_t matches = 0, records = 0;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(argc > 1 ? argv[1] : ".")) {
        if (!entry.is_regular_file())
            continue;
        auto text = simdjson::padded_string::load(entry.path().string());
        if (text.error())
            return 1;
        simdjson::ondemand::document document = parser.iterate(text.value());
        for (auto record : document["Records"].get_array()) {
            std::string_view source = record["eventSource"].get_string();
            std::string_view name = record["eventName"].get_string();
            records++;
            matches += source == "ec2.amazonaws.com" && name == "AuthorizeSecurityGroupIngress";
        }
    }
    std::printf("%zu of %zu\n", matches, records);
}
