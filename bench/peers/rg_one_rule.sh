#!/bin/sh
# ripgrep: matches of the names alone (a file is one line, so it cannot join name and outcome).
rg -z -j2 -o --no-filename '"eventName":"(Authorize|Revoke)SecurityGroup(Ing|Eg)ress"|"eventName":"(CreateSecurityGroup|ModifySecurityGroupRules)"' "$1" | wc -l
