#!/bin/sh
# jq, two at once, 500 files each.
find "$1" -name '*.json.gz' -print0 | xargs -0 -P2 -n500 sh -c 'zcat "$@" | jq -c "
  .Records[] | select(.eventSource == \"ec2.amazonaws.com\" and .errorCode == null
    and .errorMessage == null and (.eventName | IN(
      \"AuthorizeSecurityGroupEgress\", \"AuthorizeSecurityGroupIngress\", \"CreateSecurityGroup\",
      \"ModifySecurityGroupRules\", \"RevokeSecurityGroupEgress\", \"RevokeSecurityGroupIngress\")))
  | .eventID"' sh | wc -l
