namespace JitGrains.ClusterTests.Histories;

/// <summary>What lets a call through, by the policy of the tests.</summary>
internal enum Gate
{
    /// <summary>An allow rule.</summary>
    Allow,

    /// <summary>A grant for any number of uses within its window.</summary>
    Window,

    /// <summary>A grant for a number of uses.</summary>
    Counted,
}

/// <summary>What one ask is about. No two asks of a run share an order, so what the upstream saw of it belongs to one subject.</summary>
/// <param name="Action">The action, <c>orders.refund</c>.</param>
/// <param name="Order">The order.</param>
/// <param name="Caller">The one caller who calls it, as a principal.</param>
/// <param name="Gate">What lets its calls through.</param>
internal sealed record Subject(string Action, string Order, string Caller, Gate Gate)
{
    /// <summary>As grants name it.</summary>
    public string Resource => $"order={Order}";

    /// <summary>The order in a target such as <c>POST /orders/42/refund</c>.</summary>
    public static string OrderOf(string target) => target.Split('/')[2];
}

/// <summary>Something that a client asked of a process, and what it was told.</summary>
/// <param name="Process">The process it was sent to.</param>
/// <param name="SentAt">Before it was sent.</param>
internal abstract record Deed(string Process, DateTimeOffset SentAt)
{
    /// <summary>When the answer had arrived; null where none came.</summary>
    public DateTimeOffset? AnsweredAt { get; init; }

    /// <summary>The HTTP status; 0 where no answer came.</summary>
    public int Status { get; init; }

    /// <summary>The problem's name, where it was one.</summary>
    public string? Problem { get; init; }

    public bool Succeeded => Status is >= 200 and < 300;
}

/// <summary>A call through a gateway.</summary>
/// <param name="Id">The attempt's own id, which the upstream sees.</param>
/// <param name="Subject">What it is about.</param>
internal sealed record Call(string Process, DateTimeOffset SentAt, string Id, Subject Subject) : Deed(Process, SentAt);

/// <summary>An ask ahead, or one that a call raised: acknowledged with the request's id.</summary>
/// <param name="Request">The id it was told.</param>
internal sealed record Asked(string Process, DateTimeOffset SentAt, string Request, Subject Subject) : Deed(Process, SentAt);

/// <summary>A status that somebody read of a request.</summary>
/// <param name="Read">The status.</param>
internal sealed record Seen(string Process, DateTimeOffset SentAt, string Request, string Read) : Deed(Process, SentAt);

/// <summary>A vote at a silo.</summary>
/// <param name="Approver">Who votes, as a principal.</param>
/// <param name="Decision">approve or deny.</param>
internal sealed record Voted(string Process, DateTimeOffset SentAt, string Request, string Approver, string Decision) : Deed(Process, SentAt);

/// <summary>A request taken back.</summary>
internal sealed record Cancelled(string Process, DateTimeOffset SentAt, string Request) : Deed(Process, SentAt);

/// <summary>How grants were ended.</summary>
internal enum EndKind
{
    /// <summary>Revoked by its id.</summary>
    Grant,

    /// <summary>All of a principal.</summary>
    Principal,

    /// <summary>All that a selector names: by API, action, issuer or approver.</summary>
    Selection,

    /// <summary>A principal blocked, allow rules included.</summary>
    Block,

    /// <summary>Given back by its holder.</summary>
    Release,
}

/// <summary>Grants ended: when it is answered, nothing may start under them any more.</summary>
/// <param name="Kind">How.</param>
/// <param name="Grants">The grants it is certainly about: named, or live before it was sent.</param>
internal sealed record Ended(string Process, DateTimeOffset SentAt, EndKind Kind, IReadOnlyList<string> Grants) : Deed(Process, SentAt)
{
    /// <summary>Whose grants, where it is about a principal.</summary>
    public string? Principal { get; init; }

    /// <summary>The grants that the answer says it ended.</summary>
    public IReadOnlyList<string> Answered { get; init; } = [];

    /// <summary>Gateways that acknowledged.</summary>
    public int Acknowledged { get; init; }

    /// <summary>Gateways that were condemned and waited out.</summary>
    public int Condemned { get; init; }

    /// <summary>Milliseconds, by the answer.</summary>
    public double Took { get; init; }
}

/// <summary>A stream as its caller saw it.</summary>
/// <param name="Id">The call that opened it.</param>
/// <param name="OverAt">When it ended on the caller's side.</param>
internal sealed record Streamed(string Process, DateTimeOffset SentAt, string Id, Subject Subject, DateTimeOffset OverAt) : Deed(Process, SentAt);

/// <summary>A verification of the audit trail.</summary>
/// <param name="Problems">What it found, a chain each.</param>
internal sealed record Verified(string Process, DateTimeOffset SentAt, IReadOnlyList<ChainProblem> Problems) : Deed(Process, SentAt);

/// <summary>The first thing wrong with a chain.</summary>
/// <param name="Source">The chain.</param>
/// <param name="Problem">What.</param>
internal sealed record ChainProblem(string Source, string Problem);

/// <summary>A process that could not do anything, or was cut off, for a time.</summary>
/// <param name="Process">Which.</param>
/// <param name="Kind">What was done to it.</param>
/// <param name="From">Before it began.</param>
/// <param name="To">After it was over.</param>
internal sealed record Fault(string Process, FaultKind Kind, DateTimeOffset From, DateTimeOffset To);

/// <summary>What was done to a process.</summary>
internal enum FaultKind
{
    /// <summary>Killed and started again.</summary>
    Killed,

    /// <summary>Suspended and resumed.</summary>
    Suspended,

    /// <summary>Cut off from the database, wholly or in part, or slowed.</summary>
    CutOff,
}
