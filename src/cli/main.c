#include <stdio.h>

int main(void)
{
    puts("gatetrail");
    return 0;
}
