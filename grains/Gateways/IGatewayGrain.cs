using System.Collections.Immutable;
using JitGrains.Audit;

namespace JitGrains.Gateways;

/// <summary>
/// One gateway incarnation (its id is the key): its lease, and the mail that it has not acknowledged. Renewing, posting and
/// acknowledging may be lost in a crash of the store; opening, condemning and closing are not. docs/revocation.md says why
/// that is enough.
/// </summary>
[Alias("jit.IGatewayGrain"), Version(1)]
public interface IGatewayGrain : IGrainWithStringKey
{
    /// <summary>Begins the lease, once. The incarnation is in the directory by then.</summary>
    [Alias("Open")]
    Task<Reply<LeaseView>> Open(OpenLease command);

    /// <summary>
    /// Renews the lease and answers the mail that waits. Refused once condemned or closed, and where the store has gone back
    /// behind a renewal that the gateway knows of.
    /// </summary>
    [Alias("Renew")]
    Task<Reply<LeaseView>> Renew(RenewLease command);

    /// <summary>Leaves mail. Refused where no lease is open; a gateway with too much mail is condemned instead.</summary>
    [Alias("Post")]
    Task<Reply<LeaseView>> Post(GatewayMail mail);

    /// <summary>The gateway has applied mail.</summary>
    [Alias("Acknowledge")]
    Task<Reply<Done>> Acknowledge(AcknowledgeMail command);

    /// <summary>Ends the lease against the gateway's will, unless it has acknowledged the mail in question: no renewal succeeds from here on.</summary>
    [Alias("Condemn")]
    Task<Reply<LeaseView>> Condemn(CondemnGateway command);

    /// <summary>Ends it for good: nothing can start at this incarnation any more, under an approve rule or an allow rule.</summary>
    [Alias("Close")]
    Task<Reply<LeaseView>> Close(CloseLease command);

    /// <summary>The lease as it stands, from the primary store.</summary>
    [ReadOnly, Alias("Get")]
    Task<LeaseView> Get();
}

/// <summary>The incarnations that may hold a lease (one grain, key <see cref="Key"/>). Whoever revokes reads it after its own commit.</summary>
[Alias("jit.IGatewayDirectoryGrain"), Version(1)]
public interface IGatewayDirectoryGrain : IGrainWithStringKey
{
    /// <summary>The one key.</summary>
    const string Key = "gateways";

    /// <summary>Enters an incarnation: before its lease is opened.</summary>
    [Alias("Add")]
    Task<Reply<Done>> Add(GatewayEntry entry);

    /// <summary>Removes incarnations that are closed and have no execution without an outcome.</summary>
    [Alias("Remove")]
    Task<Reply<Done>> Remove(ImmutableArray<string> incarnations);

    /// <summary>The incarnations, from the primary store.</summary>
    [ReadOnly, Alias("List")]
    Task<GatewayList> List();
}

/// <summary>An incarnation in the directory.</summary>
/// <param name="Incarnation">Its id.</param>
/// <param name="Process">
/// The run of the process: a process whose lease lapsed goes on under another incarnation, and its executions with it.
/// </param>
/// <param name="Name">What operators know it by; not unique.</param>
[GenerateSerializer, Alias("jit.GatewayEntry")]
public sealed record GatewayEntry([property: Id(0)] string Incarnation, [property: Id(1)] string Process, [property: Id(2)] string Name);

/// <summary>What the directory holds.</summary>
[GenerateSerializer, Alias("jit.GatewayList")]
public sealed record GatewayList([property: Id(0)] ImmutableArray<GatewayEntry> Entries);

/// <summary>Begin a lease.</summary>
/// <param name="Process">As in the directory.</param>
/// <param name="Name">As in the directory.</param>
/// <param name="Lease">For how long a renewal holds, by the gateway's own clock.</param>
/// <param name="AllowMaxStale">For how long calls under allow rules go on after it.</param>
/// <param name="Journal">
/// The first entry of the chain that the process' journal goes on in, where that begins with this lease: it is committed with
/// the lease, and with the record that names the chain in the system chain.
/// </param>
[GenerateSerializer, Alias("jit.OpenLease")]
public sealed record OpenLease(
    [property: Id(0)] string Process,
    [property: Id(1)] string Name,
    [property: Id(2)] TimeSpan Lease,
    [property: Id(3)] TimeSpan AllowMaxStale,
    [property: Id(4)] AuditEntry? Journal);

/// <summary>Renew the lease.</summary>
/// <param name="Known">How many renewals the gateway knows to have succeeded.</param>
/// <param name="Acknowledged">Mail that it has applied since.</param>
[GenerateSerializer, Alias("jit.RenewLease")]
public sealed record RenewLease([property: Id(0)] long Known, [property: Id(1)] ImmutableArray<string> Acknowledged);

/// <summary>Mail to one incarnation.</summary>
/// <param name="Id">
/// Random, minted by the sender: what is acknowledged is this very mail, also where the store lost a post and numbers would
/// come twice.
/// </param>
/// <param name="What">What must be applied before it is acknowledged, in order.</param>
[GenerateSerializer, Alias("jit.GatewayMail")]
public sealed record GatewayMail([property: Id(0)] string Id, [property: Id(1)] ImmutableArray<Invalidation> What);

/// <summary>Mail was applied.</summary>
[GenerateSerializer, Alias("jit.AcknowledgeMail")]
public sealed record AcknowledgeMail([property: Id(0)] ImmutableArray<string> Ids);

/// <summary>Condemn an incarnation.</summary>
/// <param name="Because">One of <see cref="LeaseEnds"/>.</param>
/// <param name="UnlessAcknowledged">Leave it alone if it has acknowledged this mail.</param>
/// <param name="UnlessRenewedPast">Leave it alone if it has renewed more often than this.</param>
[GenerateSerializer, Alias("jit.CondemnGateway")]
public sealed record CondemnGateway(
    [property: Id(0)] string Because, [property: Id(1)] string? UnlessAcknowledged = null, [property: Id(2)] long? UnlessRenewedPast = null);

/// <summary>Close an incarnation.</summary>
/// <param name="Because">One of <see cref="LeaseEnds"/>.</param>
[GenerateSerializer, Alias("jit.CloseLease")]
public sealed record CloseLease([property: Id(0)] string Because);

/// <summary>How far a lease has got.</summary>
[GenerateSerializer, Alias("jit.LeasePhase")]
public enum LeasePhase
{
    /// <summary>It was never opened, and nothing was read under it.</summary>
    NotOpen,

    /// <summary>It holds for as long as it is renewed.</summary>
    Open,

    /// <summary>No renewal succeeds any more; the last one may still hold.</summary>
    Condemned,

    /// <summary>Nothing can start under it.</summary>
    Closed,
}

/// <summary>Why leases end; stable, for auditors.</summary>
public static class LeaseEnds
{
    /// <summary>The gateway stopped.</summary>
    public const string Stopped = "stopped";

    /// <summary>The gateway went on under another incarnation.</summary>
    public const string Succeeded = "succeeded";

    /// <summary>It did not acknowledge in time.</summary>
    public const string Unacknowledged = "unacknowledged";

    /// <summary>It did not renew in time.</summary>
    public const string Silent = "silent";

    /// <summary>It left too much mail lying.</summary>
    public const string TooMuchMail = "too-much-mail";

    /// <summary>Condemned, and waited out.</summary>
    public const string WaitedOut = "waited-out";

    /// <summary>Its process is known to be gone: another one owns the store now, which no two can.</summary>
    public const string ProcessGone = "process-gone";
}

/// <summary>A lease as it stands.</summary>
[GenerateSerializer, Alias("jit.LeaseView")]
public sealed record LeaseView
{
    /// <summary>How far it has got.</summary>
    [Id(0)] public LeasePhase Phase { get; init; }

    /// <summary>How many renewals succeeded.</summary>
    [Id(1)] public long Renewals { get; init; }

    /// <summary>Mail that was not acknowledged, oldest first.</summary>
    [Id(2)] public ImmutableArray<GatewayMail> Mail { get; init; } = [];

    /// <summary>The latest mail that was, by id, oldest first.</summary>
    [Id(3)] public ImmutableArray<string> Acknowledged { get; init; } = [];

    /// <summary>For how long a renewal holds.</summary>
    [Id(4)] public TimeSpan Lease { get; init; }

    /// <summary>For how long calls under allow rules go on after it.</summary>
    [Id(5)] public TimeSpan AllowMaxStale { get; init; }

    /// <summary>When it was opened, by the store's clock.</summary>
    [Id(6)] public DateTimeOffset? OpenedAt { get; init; }

    /// <summary>When it was last opened or renewed, by the store's clock; for people only.</summary>
    [Id(7)] public DateTimeOffset? RenewedAt { get; init; }

    /// <summary>When it was condemned or closed.</summary>
    [Id(8)] public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why, as one of <see cref="LeaseEnds"/>.</summary>
    [Id(9)] public string? EndedBecause { get; init; }
}
