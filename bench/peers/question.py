"""The one question: successful calls that change security groups' rules (all but the group kind of
ModifyInstanceAttribute, which takes a field that the other tools would have to read in addition)."""
NAMES = ("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "CreateSecurityGroup",
         "ModifySecurityGroupRules", "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress")
