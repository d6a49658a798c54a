namespace JitGrains.Quotas;

/// <summary>
/// One shared rate limit (its name is the key): which part of it each gateway may give away. A gateway asks ahead, each
/// second, and decides calls by what it holds; no call waits for this grain. Leases may be lost in a crash of the store: each
/// gateway has leased anew a second later.
/// </summary>
[Alias("jit.IQuotaGrain"), Version(1)]
public interface IQuotaGrain : IGrainWithStringKey
{
    /// <summary>Leases a part, in place of the one that this gateway holds. Idempotent: the same words again lease no more.</summary>
    [Alias("Lease")]
    Task<Reply<QuotaLease>> Lease(LeaseQuota command);

    /// <summary>Gives the gateway's part back.</summary>
    [Alias("Return")]
    Task<Reply<Done>> Return(ReturnQuota command);

    /// <summary>The parts that are leased, from the primary store.</summary>
    [ReadOnly, Alias("Get")]
    Task<QuotaView> Get();
}

/// <summary>Lease a part of a limit.</summary>
/// <param name="Gateway">The process that asks: an id of this run of it.</param>
/// <param name="Total">How many parts the limit has, by the policy that the gateway knows.</param>
/// <param name="InUse">How many of its parts are used up at the moment by whoever has used most: these it must keep, or others would give them away again.</param>
/// <param name="Demand">How much it was lately asked for, in any unit that all gateways share.</param>
/// <param name="For">For how long it will use the part unless it can renew.</param>
[GenerateSerializer, Alias("jit.LeaseQuota")]
public sealed record LeaseQuota(
    [property: Id(0)] string Gateway, [property: Id(1)] int Total, [property: Id(2)] int InUse, [property: Id(3)] long Demand, [property: Id(4)] TimeSpan For);

/// <summary>Give a part back.</summary>
/// <param name="Gateway">As it was leased.</param>
[GenerateSerializer, Alias("jit.ReturnQuota")]
public sealed record ReturnQuota([property: Id(0)] string Gateway);

/// <summary>A part.</summary>
/// <param name="Parts">How many parts.</param>
/// <param name="Gateways">How many gateways hold some.</param>
[GenerateSerializer, Alias("jit.QuotaLease")]
public sealed record QuotaLease([property: Id(0)] int Parts, [property: Id(1)] int Gateways);

/// <summary>What is leased.</summary>
/// <param name="Parts">How many parts, all together.</param>
/// <param name="Gateways">By how many gateways.</param>
[GenerateSerializer, Alias("jit.QuotaView")]
public sealed record QuotaView([property: Id(0)] int Parts, [property: Id(1)] int Gateways);
