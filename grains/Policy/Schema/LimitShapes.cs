using static JitGrains.Policy.Schema.Types;

namespace JitGrains.Policy.Schema;

/// <summary>The keys of rate limits.</summary>
internal static class LimitShapes
{
    public const int MostUnits = 1_000_000;

    public static readonly string[] Subjects = ["calls", "failed_authentication", "asks", "votes", "token_calls"];

    public static readonly string[] Keys = ["principal", "actor", "group", "address", "api", "action", "api_key"];

    public static readonly string[] Headers = ["low", "always", "refused"];

    public static readonly Shape Bucket = new("bucket", "A token bucket: so many a period on the long run, and a burst at once.",
        new("rate", new IntegerType(1, MostUnits), "How many a period.", Required: true),
        new("every", Duration, "The period. Default 1s."),
        new("burst", new IntegerType(1, MostUnits), "How many at once, after a pause. Default rate."));

    public static readonly Shape Window = new("window_limit", "A sliding window: never more within any stretch of this length.",
        new("most", new IntegerType(1, MostUnits), "How many.", Required: true),
        new("within", Duration, "In which time.", Required: true));

    public static readonly Shape Limit = new("limit", "How often something may happen: exactly one of bucket, window and concurrent.",
        new("description", Text, "For people."),
        new("counts", Word(Subjects), "What is counted. Default calls."),
        new("per", new EitherType(Word(Keys), new ListType(Word(Keys), NotEmpty: true)), "What has a budget of its own; of several, each combination. Default one budget for all."),
        new("who", new ShapeType(PolicyShapes.Who), "Whose calls count. Default everybody's."),
        new("actions", new ShapeType(PolicyShapes.Actions), "Calls of which actions count. Default all, those that are no action among them."),
        new("apis", Names, "Calls of which APIs count. Default all, and the gateway's own endpoints."),
        new("bucket", new ShapeType(Bucket), "A token bucket."),
        new("window", new ShapeType(Window), "A sliding window."),
        new("concurrent", new IntegerType(1, MostUnits), "How many calls at the same time."),
        new("held", Flag, "For concurrent: whether calls that are held for approval count. Default false."),
        new("shared", Flag, "Whether all gateways keep it together: each leases a part of it. Default false: each gateway has all of it."),
        new("headers", Word(Headers), "When answers that no limit refused tell how much is left: low is below a fifth; refused is never. Default low."));
}
