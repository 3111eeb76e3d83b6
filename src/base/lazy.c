#include "base/lazy.h"

#include "base/status.h"

#include <dlfcn.h>

void gt_lazy_load(const char *soname, const char *const *names, size_t count, void **functions)
{
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && i < count; i++) {
        functions[i] = dlsym(library, names[i]);
        if (!functions[i])
            library = NULL;
    }
    if (library)
        return;
    const char *why = dlerror();
    gt_assert_failed(why ? why : soname, __FILE__, __LINE__);
}
