using static JitGrains.Policy.Schema.Types;

namespace JitGrains.Policy.Schema;

/// <summary>Types used in several shapes.</summary>
internal static class Types
{
    public const string NamePattern = "^[A-Za-z0-9._-]{1,64}$";

    public static readonly ValueType Text = new TextType();
    public static readonly ValueType Name = new TextType(NamePattern);
    public static readonly ValueType Flag = new BooleanType();
    public static readonly ValueType Number = new NumberType();
    public static readonly ValueType Duration = new TextType("^([0-9]{1,9}(ms|s|m|h|d))+$");
    public static readonly ValueType Size = new EitherType(new IntegerType(0, int.MaxValue), new TextType("^[0-9]{1,12} ?(B|KB|MB|GB|KiB|MiB|GiB)$"));
    public static readonly ValueType Names = new ListType(Name, NotEmpty: true);
    public static readonly ValueType Texts = new ListType(Text, NotEmpty: true);
    public static readonly ValueType Scalar = new EitherType(Text, Number, Flag);

    public static readonly ValueType Networks = new ListType(new TextType(), NotEmpty: true);

    public static ValueType Word(params string[] words) => new TextType(OneOf: [.. words]);
}

/// <summary>The keys of a policy file. The binder reads by these tables and the JSON Schema is made from them.</summary>
internal static class PolicyShapes
{
    public static readonly Shape Cors = new("cors", "Browsers of other origins that may call.",
        new("origins", Texts, "Exact origins, such as https://app.example.com.", Required: true),
        new("allowed_headers", Texts, "Request headers allowed beyond ours and the safelisted ones."),
        new("exposed_headers", Texts, "Response headers exposed beyond ours."),
        new("allow_credentials", Flag, "Whether credentials may be sent. Default false."),
        new("max_age", Duration, "How long a preflight's answer may be cached. Default 10m."));

    public static readonly Shape Network = new("network", "From where calls are taken at all, before anybody is asked who they are.",
        new("deny", ConditionShapes.Places, "From none of these: networks, or what address conditions say. What is not known is denied."),
        new("allow", ConditionShapes.Places, "From one of these only."));

    public static readonly Shape Action = new("action", "A named operation of an API.",
        new("methods", new ListType(new TextType("^[A-Z][A-Z-]{0,19}$"), NotEmpty: true), "Methods, upper case. HEAD is a method of its own; CONNECT means a WebSocket over HTTP/2 (RFC 8441).", Required: true),
        new("path", Text, "The whole path from the root, with {name} for one segment and {name*} at the end for all that is left.", Required: true),
        new("when", new ShapeType(ConditionShapes.Identity), "Conditions that belong to what makes a call this action."),
        new("access", Name, "Access class (read, write, execute...) that rules can select by."),
        new("sensitivity", Name, "Sensitivity class (low, high, critical...) that rules can select by."),
        new("binding", Word("action", "resource", "payload"), "How much of a call a grant pins. Default payload."),
        new("unbound_headers", Texts, "Headers left out of a payload binding."),
        new("hold", new ShapeType(Hold), "How long a call waits for its approval."),
        new("body_limit", Size, "Largest body that is read or held. Default 1MiB."),
        new("mask", Texts, "What approvers do not see: body.card_number, body.items[].secret, body, query.token, header.x-key."),
        new("summary", Text, "A sentence for approvers, with placeholders: {principal}, {action}, {resource}, {path.order}, {query.x}, {header.x}, {body.amount}."),
        new("encoded_parameter", Text, "The path parameter that may hold encoded slashes and percent signs; it is matched and forwarded as sent."),
        new("drain", Flag, "Whether an execution that has started outlives its grant. Default false."));

    public static readonly Shape Api = new("api", "A protected upstream.",
        new("upstreams", Texts, "Base addresses: scheme and authority only.", Required: true),
        new("host", Text, "The host that calls must name, with a port if only that port is meant. Default any."),
        new("prefix", Text, "The path prefix that calls must have. It is forwarded as it is. Default /."),
        new("mode", Word("enforce", "observe"), "Whether refusals are enforced or only recorded. Default enforce."),
        new("dialect", Word("loose", "strict"), "strict: the upstream reads paths and names exactly as they are, so sloppier readings need no refusal. Default loose."),
        new("forward_authorization", Flag, "Whether the caller's Authorization header goes upstream. Default false."),
        new("upstream_timeout", Duration, "How long the upstream may stay silent. Default 100s."),
        new("upstream_http2", Flag, "Whether the upstreams speak HTTP/2 without negotiating it, as gRPC servers without TLS do. Over https the version is negotiated anyway. Default false."),
        new("connect_timeout", Duration, "How long a connection to an upstream may take. Default 15s."),
        new("load_balancing", Word("round_robin", "least_requests", "random", "first"), "Which of several upstreams a call goes to; first: the first in the list that is healthy. Default round_robin."),
        new("health_check", new ShapeType(UpstreamShapes.HealthCheck), "Asks the upstreams whether they are healthy. Default they are not asked."),
        new("circuit_breaker", new ShapeType(UpstreamShapes.CircuitBreaker), "Gives an upstream that fails calls none for a while. Default never."),
        new("when_none_healthy", Word("refuse", "try"), "Whether calls are refused (503) or tried all the same where no upstream is healthy. Default refuse."),
        new("retries", new IntegerType(0, 3), "How often a call that did not reach an upstream is sent again; never one under a counted grant. Default 0."),
        new("assertion", new EitherType(Flag, new ShapeType(Assertion)), "Whether calls go upstream with a signed assertion of who makes them and by whose approval. Default false."),
        new("credential", new ShapeType(CredentialShapes.Credential), "What the upstreams know the gateway by. Default nothing."),
        new("network", new ShapeType(Network), "From where calls are taken at all. Default anywhere."),
        new("audiences", Texts, "Audiences, one of which tokens of issuers must name for this API, besides being accepted by the issuer's settings. Default those of the issuer's settings."),
        new("cors", new ShapeType(Cors), "Browsers of other origins that may call. Default none."),
        new("actions", new MapType(new ShapeType(Action), NamePattern), "Actions by name; names are unique over all APIs.", Required: true));

    public static readonly Shape Group = new("group", "A group that the token issuer names.",
        new ShapeKey("members", Texts, "Everybody who can be in it. Only checks quorums when the policy is loaded: who is in it is what tokens say."));

    public static readonly Shape Who = new("who", "Whom a rule is about: anybody listed or in a listed group, through the actors and with all of the claims.",
        new("anyone", Flag, "true: every authenticated caller."),
        new("principals", Texts, "Principals, user:alice or realm:user:alice."),
        new("groups", Texts, "Groups, managers or realm:managers."),
        new("actors", new EitherType(Word("any", "none"), Texts), "Through whom the call comes: any actor, none (the principal in person), or only through those listed."),
        new("claims", ConditionShapes.Fields, "Claims that the token must have, by claim name."));

    public static readonly Shape Actions = new("actions", "Which actions a rule is about: every key given must fit; of a list, one suffices.",
        new("names", Texts, "Action names; * stands for any text."),
        new("access", Names, "Access classes."),
        new("sensitivity", Names, "Sensitivity classes."));

    public static readonly Shape SignIn = new("sign_in", "What somebody's sign-in must be, by the claims of the token: every key given must fit; of a list, one suffices. What the issuer does not say does not fit.",
        new("max_age", Duration, "How long ago it may be at most (auth_time)."),
        new("acr", Texts, "Classes of authentication (acr)."),
        new("amr", Texts, "Methods of authentication (amr), such as mfa, otp or hwk."));

    public static readonly Shape Stage = new("stage", "A stage of an approval.",
        new("name", Name, "Shown to approvers. Default the stage's number."),
        new("groups", Texts, "Groups whose members may vote."),
        new("principals", Texts, "Principals who may vote."),
        new("quorum", new IntegerType(1, 100), "How many distinct people. Default 1."),
        new("sign_in", new ShapeType(SignIn), "What the sign-in of those who vote must be. Default any."));

    public static readonly Shape Approve = new("approve", "What an approve rule demands and gives.",
        new("stages", new ListType(new ShapeType(Stage), NotEmpty: true), "All must be met; a person counts in one of them only."),
        new("auto", new ShapeType(ConditionShapes.When), "Conditions under which policy itself approves."),
        new("reason", Word("required", "optional"), "Whether callers must say why. Default optional."),
        new("uses", new EitherType(Word("once", "unlimited"), new IntegerType(1, 1_000_000), new ShapeType(Uses)), "How often a grant can be used: once, a number, or unlimited within its window. Default once."),
        new("window", new EitherType(Duration, new ShapeType(Window)), "How long a grant lasts from its approval. Default 10m."),
        new("use_within", Duration, "The same for counted grants: within which time after approval they must be used. Default 10m."),
        new("decide_within", Duration, "How long approvers have. Default 30m."),
        new("denial_cooldown", Duration, "How long the same ask is refused after a denial. Default 10m."));

    public static readonly Shape Rule = new("rule", "Who may do what, under which conditions.",
        new("name", Name, "Unique; stamped on decisions.", Required: true),
        new("description", Text, "For people."),
        new("who", new ShapeType(Who), "Whom it is about.", Required: true),
        new("actions", new ShapeType(Actions), "What it is about.", Required: true),
        new("when", new ShapeType(ConditionShapes.When), "Conditions, which must all hold."),
        new("effect", Word("deny", "approve", "allow"), "deny beats approve beats allow.", Required: true),
        new("sign_in", new ShapeType(SignIn), "What the caller's sign-in must be, for effect: allow and approve. Default any."),
        new("approve", new ShapeType(Approve), "Given for effect: approve, and only there."));

    public static readonly Shape Root = new("policy", "A JitGrains policy file.",
        new("version", new IntegerType(1, 1), "The version of this format: 1.", Required: true),
        new("realm", Name, "The realm of principals and groups written without one."),
        new("groups", new MapType(new ShapeType(Group), NamePattern), "Groups that rules may name."),
        new("networks", new MapType(Networks, "^[A-Za-z][A-Za-z0-9._-]{0,63}$"), "Networks (CIDR) and addresses by name, for network and address."),
        new("network", new ShapeType(Network), "From where calls are taken at all, whatever they are for. Default anywhere."),
        new("apis", new MapType(new ShapeType(Api), NamePattern), "Protected upstreams by name."),
        new("rules", new ListType(new ShapeType(Rule)), "Rules; the order decides only which name a decision bears."),
        new("limits", new MapType(new ShapeType(LimitShapes.Limit), NamePattern), "Rate limits by name. Callers see the names."));

    public static Shape Assertion => UpstreamShapes.Assertion;

    public static Shape Hold => ApproveShapes.Hold;

    public static Shape Uses => ApproveShapes.Uses;

    public static Shape Window => ApproveShapes.Window;
}

/// <summary>Small shapes of one default and one bound.</summary>
internal static class ApproveShapes
{
    public static readonly Shape Hold = new("hold", "How long a call waits for its approval.",
        new("default", Duration, "Where the caller does not say (Prefer: wait). Default 20s."),
        new("cap", Duration, "At most, whatever the caller says. Default 50s."));

    public static readonly Shape Uses = new("uses", "How often a grant can be used.",
        new("default", new EitherType(Word("once", "unlimited"), new IntegerType(1, 1_000_000)), "Where the caller does not ask for a number."),
        new("max", new EitherType(Word("once", "unlimited"), new IntegerType(1, 1_000_000)), "At most.", Required: true));

    public static readonly Shape Window = new("window", "How long a grant lasts from its approval.",
        new("default", Duration, "Where the caller does not ask for a time. Default 10m, or max where that is less."),
        new("max", Duration, "At most.", Required: true));
}

/// <summary>The keys of conditions.</summary>
internal static class ConditionShapes
{
    private static readonly ValueType Tests = new EitherType(Scalar, new ListType(Scalar, NotEmpty: true), new LazyShapeType(() => Field!));

    public static readonly Shape Field = new("field", "Tests of one value, which must all hold. A plain value means equals, a list means in.",
        new("equals", Scalar, "The value is this."),
        new("in", new ListType(Scalar, NotEmpty: true), "The value is one of these."),
        new("not", Tests, "The value is not this, none of these, or does not pass these tests. Unknown stays unknown."),
        new("prefix", Text, "The text begins so."),
        new("suffix", Text, "The text ends so."),
        new("matches", Text, "The whole text matches this regular expression (no lookaround, no back references)."),
        new("less_than", Number, "A number below this."),
        new("at_most", Number, "A number not above this."),
        new("greater_than", Number, "A number above this."),
        new("at_least", Number, "A number not below this."),
        new("contains", Scalar, "A list that has this value."),
        new("exists", Flag, "Whether there is a value at all."));

    public static readonly ValueType Fields = new MapType(Tests);

    public static readonly Shape Identity = new("identity", "Conditions on the call.",
        new("query", Fields, "Query parameters by name."),
        new("headers", Fields, "Headers by name."),
        new("body", Fields, "JSON body fields: amount, customer.country, or a JSON Pointer /items/0/sku."));

    private static readonly ValueType CountryCode = new TextType("^[A-Z]{2}$");

    private static readonly ValueType Number32 = new EitherType(Number, new TextType("^AS[0-9]{1,10}$"));

    public static readonly Shape Country = new("country", "The country by the address table.",
        new("in", new ListType(CountryCode, NotEmpty: true), "One of these."),
        new("not", new ListType(CountryCode, NotEmpty: true), "None of these."));

    public static readonly Shape Asn = new("asn", "The network (autonomous system) by the address table.",
        new("in", new ListType(Number32, NotEmpty: true), "One of these."),
        new("not", new ListType(Number32, NotEmpty: true), "None of these."));

    public static readonly Shape Address = new("address", "The caller's address.",
        new("in", Networks, "In one of these networks: CIDR, addresses, or names under networks."),
        new("not", Networks, "In none of these networks."),
        new("country", new EitherType(CountryCode, new ListType(CountryCode, NotEmpty: true), new ShapeType(Country)), "Its country by the address table, two letters (ISO 3166-1)."),
        new("asn", new EitherType(Number32, new ListType(Number32, NotEmpty: true), new ShapeType(Asn)), "The number of its network (autonomous system) by the address table."));

    public static readonly ValueType Places = new ListType(new EitherType(Text, new ShapeType(Address)), NotEmpty: true);

    public static readonly Shape Time = new("time", "Weekdays and hours.",
        new("days", new ListType(new TextType("^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$"), NotEmpty: true), "Days and ranges of days: mon-fri. Default all."),
        new("from", new TextType("^([01][0-9]|2[0-3]):[0-5][0-9]$"), "From this time on, 24-hour clock. Default 00:00."),
        new("to", new TextType("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"), "Until before this time; a window over midnight belongs to the day on which it begins. Default 24:00."),
        new("zone", Text, "The clock, a time zone of the IANA database. Default UTC."),
        new("outside", Flag, "Whether the opposite is meant. Default false."));

    public static readonly Shape When = new("when", "Conditions, which must all hold.",
        new("path", Fields, "Path parameters by name."),
        new("query", Fields, "Query parameters by name."),
        new("headers", Fields, "Headers by name."),
        new("body", Fields, "JSON body fields: amount, customer.country, or a JSON Pointer /items/0/sku."),
        new("claims", Fields, "Claims of the caller's token by name."),
        new("address", new EitherType(Texts, new ShapeType(Address)), "The caller's address: networks (CIDR, or names), its country, its autonomous system."),
        new("device", new LazyShapeType(static () => DeviceShapes.Device), "The device that calls: its certificate, the key that the credential is bound to, what the issuer says of it."),
        new("time", new ShapeType(Time), "Weekdays and hours."));
}

/// <summary>The keys of what is known of upstreams.</summary>
internal static class UpstreamShapes
{
    public static readonly Shape HealthCheck = new("health_check", "How upstreams are asked whether they are healthy.",
        new("path", Text, "The path that is asked for with GET; any 2xx means healthy.", Required: true),
        new("interval", Duration, "From one question to the next. Default 15s."),
        new("timeout", Duration, "How long an answer may take. Default 5s."),
        new("failures", new IntegerType(1, 100), "After how many failures in a row an upstream gets no more calls. Default 2."));

    public static readonly Shape Assertion = new("assertion", "The signed assertion that calls go to upstreams with.",
        new("audience", Text, "Whom it is for. Default the API's name."),
        new("life", Duration, "How long it can be believed after it was sent, 5s to 5m. Default 30s."));

    public static readonly Shape CircuitBreaker = new("circuit_breaker", "When an upstream that fails calls gets none for a while.",
        new("failure_percent", new IntegerType(1, 99), "More than this share of the calls of the last 10 s, of at least ten, could not be sent or answered. Default 30."),
        new("open_for", Duration, "How long it gets none, at least 10s. Default 30s."));
}
