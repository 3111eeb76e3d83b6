/* actor.c — who called, and what kind of caller it is.
 * Method: the fields that AWS fills (identity type, invokedBy, federation, the issuing role, the
 * console's mark) decide before the user agent, which any caller can set. A session name never decides
 * anything: whoever assumes a role chooses it. */
#include "sg/sg_internal.h"

#include <string.h>

const char *gt_sg_actor_class_text(gt_sg_actor_class class)
{
    static const char *const texts[] = {
#define GT_SG_ACTOR_TEXT(name, text) text,
        GT_SG_ACTOR_MAP(GT_SG_ACTOR_TEXT)
#undef GT_SG_ACTOR_TEXT
    };
    return texts[class];
}

static bool has(gt_str text, const char *word)
{
    return gt_str_find(text, gt_str_c(word)) != GT_NPOS;
}

static bool is_service_host(gt_str host)
{
    return gt_str_ends(host, GT_STR(".amazonaws.com"));
}

/* What the user agent says, most telling first: tools name the SDK they are built on as well. */
typedef struct agent_row {
    const char *word, *tool;
    gt_sg_actor_class class;
} agent_row;

static const agent_row agents[] = {
    {"terraform-provider-aws/", "Terraform", GT_SG_ACTOR_IAC},
    {"Terraform/", "Terraform", GT_SG_ACTOR_IAC},
    {"OpenTofu/", "OpenTofu", GT_SG_ACTOR_IAC},
    {"opentofu/", "OpenTofu", GT_SG_ACTOR_IAC},
    {"pulumi", "Pulumi", GT_SG_ACTOR_IAC},
    {"Pulumi", "Pulumi", GT_SG_ACTOR_IAC},
    {"crossplane", "Crossplane", GT_SG_ACTOR_IAC},
    {"Crossplane", "Crossplane", GT_SG_ACTOR_IAC},
    {"ansible", "Ansible", GT_SG_ACTOR_IAC},
    {"Ansible", "Ansible", GT_SG_ACTOR_IAC},
    {"aws-cdk", "AWS CDK", GT_SG_ACTOR_IAC},
    {"cloudformation.amazonaws.com", "CloudFormation", GT_SG_ACTOR_IAC},
    {"elbv2.k8s.aws", "AWS Load Balancer Controller", GT_SG_ACTOR_CONTROLLER},
    {"aws-load-balancer-controller", "AWS Load Balancer Controller", GT_SG_ACTOR_CONTROLLER},
    {"karpenter", "Karpenter", GT_SG_ACTOR_CONTROLLER},
    {"cluster-api", "Cluster API", GT_SG_ACTOR_CONTROLLER},
    {"kubernetes", "Kubernetes", GT_SG_ACTOR_CONTROLLER},
    {"github-actions", "GitHub Actions", GT_SG_ACTOR_CI},
    {"configure-aws-credentials", "GitHub Actions", GT_SG_ACTOR_CI},
    {"exec-env/CodeBuild", "CodeBuild", GT_SG_ACTOR_CI},
    {"CodeBuild", "CodeBuild", GT_SG_ACTOR_CI},
    {"gitlab", "GitLab", GT_SG_ACTOR_CI},
    {"jenkins", "Jenkins", GT_SG_ACTOR_CI},
    {"Jenkins", "Jenkins", GT_SG_ACTOR_CI},
    {"exec-env/CloudShell", "aws-cli in CloudShell", GT_SG_ACTOR_CLI},
    {"aws-cli/", "aws-cli", GT_SG_ACTOR_CLI},
    {"AWSPowerShell", "AWS PowerShell", GT_SG_ACTOR_CLI},
    {"console.ec2.amazonaws.com", "console", GT_SG_ACTOR_CONSOLE},
    {"console.amazonaws.com", "console", GT_SG_ACTOR_CONSOLE},
    {"signin.amazonaws.com", "console", GT_SG_ACTOR_CONSOLE},
    {"AWSConsole", "console", GT_SG_ACTOR_CONSOLE},
    {"Mozilla/", "console in a browser", GT_SG_ACTOR_CONSOLE},
};

static const agent_row *agent_find(gt_str agent)
{
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++)
        if (has(agent, agents[i].word))
            return &agents[i];
    return NULL;
}

static gt_str token(gt_str s)
{
    size_t len = 0;
    while (len < s.len && (unsigned char)s.ptr[len] > ' ' && s.ptr[len] != '(' && s.ptr[len] != ';')
        len++;
    return gt_str_head(s, len);
}

/* "Terraform 1.13.5": the tool with the version behind its slash; without a known tool the agent's
 * first product. */
static gt_str tool_text(gt_arena *arena, gt_str agent)
{
    const agent_row *row = agent_find(agent);
    if (!row)
        return gt_str_head(token(gt_str_trim(agent)), 64);
    const char *word = row->word;
    if (strcmp(word, "terraform-provider-aws/") == 0 && has(agent, "Terraform/"))
        word = "Terraform/";
    if (word[strlen(word) - 1] != '/' || row->class == GT_SG_ACTOR_CONSOLE)
        return gt_str_c(row->tool);
    gt_str version = gt_str_from(agent, gt_str_find(agent, gt_str_c(word)) + strlen(word));
    version = gt_str_head(token(version), 32);
    return gt_arena_printf(arena, "%s %.*s", row->tool, GT_STR_ARG(version));
}

static bool decide(gt_sg_actor *actor, gt_sg_actor_class class, const char *basis)
{
    actor->class = class;
    actor->basis = gt_str_c(basis);
    return true;
}

static bool by_service(const gt_json *identity, bool console, gt_sg_actor *actor)
{
    gt_str by = actor->invoked_by;
    if (gt_str_is(by, "signin.amazonaws.com")) /* until 2019 the console stood here */
        return decide(actor, GT_SG_ACTOR_CONSOLE, "userIdentity.invokedBy");
    if (gt_str_is(by, "cloudformation.amazonaws.com") ||
        gt_str_is(actor->address, "cloudformation.amazonaws.com"))
        return decide(actor, GT_SG_ACTOR_IAC, "userIdentity.invokedBy");
    if (gt_str_is(gt_sg_field_text(identity, "type"), "AWSService"))
        return decide(actor, GT_SG_ACTOR_SERVICE, "userIdentity.type");
    if (is_service_host(by))
        return decide(actor, GT_SG_ACTOR_SERVICE, "userIdentity.invokedBy");
    if (is_service_host(actor->address))
        return decide(actor, GT_SG_ACTOR_SERVICE, "sourceIPAddress");
    if (!console && (gt_str_eq_nocase(by, GT_STR("AWS Internal")) ||
                     gt_str_eq_nocase(actor->address, GT_STR("AWS Internal")) ||
                     gt_str_eq_nocase(actor->address, GT_STR("aws.internal"))))
        return decide(actor, GT_SG_ACTOR_SERVICE, "sourceIPAddress");
    return false;
}

static bool by_federation(gt_str provider, gt_sg_actor *actor)
{
    static const struct {
        const char *host;
        gt_sg_actor_class class;
    } providers[] = {
        {"oidc.eks.", GT_SG_ACTOR_CONTROLLER},
        {"token.actions.githubusercontent.com", GT_SG_ACTOR_CI},
        {"gitlab", GT_SG_ACTOR_CI},
        {"oidc.circleci.com", GT_SG_ACTOR_CI},
        {"agent.buildkite.com", GT_SG_ACTOR_CI},
        {"api.bitbucket.org", GT_SG_ACTOR_CI},
        {"app.terraform.io", GT_SG_ACTOR_IAC},
        {"api.pulumi.com", GT_SG_ACTOR_IAC},
    };
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++)
        if (has(provider, providers[i].host))
            return decide(actor, providers[i].class,
                          "userIdentity.sessionContext.webIdFederationData");
    return false;
}

static bool by_role(const gt_json *session, gt_sg_actor *actor)
{
    const gt_json *issuer = gt_sg_field(session, "sessionIssuer");
    if (has(gt_sg_field_text(issuer, "arn"), ":role/aws-service-role/"))
        return decide(actor, GT_SG_ACTOR_SERVICE, "userIdentity.sessionContext.sessionIssuer");
    return false;
}

static void by_agent(const gt_json *session, gt_str agent, gt_sg_actor *actor)
{
    const agent_row *row = agent_find(agent);
    bool machine = gt_sg_field_text(session, "ec2RoleDelivery").len > 0;
    if (machine && (!row || row->class == GT_SG_ACTOR_CONSOLE || row->class == GT_SG_ACTOR_CLI))
        decide(actor, GT_SG_ACTOR_CONTROLLER, "userIdentity.sessionContext.ec2RoleDelivery");
    else if (row)
        decide(actor, row->class, "userAgent");
}

gt_sg_actor gt_sg_actor_of(gt_arena *arena, const gt_json *record)
{
    const gt_json *identity = gt_sg_field(record, "userIdentity");
    const gt_json *session = gt_sg_field(identity, "sessionContext");
    gt_str agent = gt_sg_field_text(record, "userAgent");
    gt_str provider = gt_sg_field_text(gt_sg_field(session, "webIdFederationData"),
                                       "federatedProvider");
    bool console =
        gt_sg_bool(gt_sg_field(record, "sessionCredentialFromConsole")) == GT_SG_YES;
    gt_sg_actor actor = {
        .arn = gt_sg_field_text(identity, "arn"),
        .invoked_by = gt_sg_field_text(identity, "invokedBy"),
        .address = gt_sg_field_text(record, "sourceIPAddress"),
        .tool = tool_text(arena, agent),
    };
    if (provider.len == 0)
        provider = gt_sg_field_text(identity, "identityProvider");
    if (by_service(identity, console, &actor))
        return actor;
    if (gt_str_eq_nocase(gt_sg_field_text(identity, "type"), GT_STR("Root")) ||
        gt_str_ends(actor.arn, GT_STR(":root"))) {
        decide(&actor, GT_SG_ACTOR_ROOT, "userIdentity.type");
        return actor;
    }
    if (by_federation(provider, &actor) || by_role(session, &actor))
        return actor;
    if (console)
        decide(&actor, GT_SG_ACTOR_CONSOLE, "sessionCredentialFromConsole");
    else
        by_agent(session, agent, &actor);
    return actor;
}
