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
/// <param name="Held">How many parts it gives away as it asks, and until it has the answer: nobody else can have them before it says that it holds fewer.
/// Null of an earlier version, which holds what it was leased last.</param>
/// <param name="Returns">How long what is in use takes to come back, also where the gateway is gone; zero where it is forgotten with the gateway.</param>
[GenerateSerializer, Alias("jit.LeaseQuota")]
public sealed record LeaseQuota(
    [property: Id(0)] string Gateway, [property: Id(1)] int Total, [property: Id(2)] int InUse, [property: Id(3)] long Demand, [property: Id(4)] TimeSpan For,
    [property: Id(5)] int? Held = null, [property: Id(6)] TimeSpan Returns = default);

/// <summary>Give a part back.</summary>
/// <param name="Gateway">As it was leased.</param>
/// <param name="InUse">How many of the parts are used up, and stay so.</param>
/// <param name="Returns">For how long.</param>
[GenerateSerializer, Alias("jit.ReturnQuota")]
public sealed record ReturnQuota([property: Id(0)] string Gateway, [property: Id(1)] int InUse = 0, [property: Id(2)] TimeSpan Returns = default);

/// <summary>A part.</summary>
/// <param name="Parts">How many parts.</param>
/// <param name="Gateways">How many gateways hold some.</param>
[GenerateSerializer, Alias("jit.QuotaLease")]
public sealed record QuotaLease([property: Id(0)] int Parts, [property: Id(1)] int Gateways);

/// <summary>What is leased.</summary>
/// <param name="Parts">How many parts, all together, with those that gateways have yet to say that they no longer hold.</param>
/// <param name="Gateways">By how many gateways.</param>
[GenerateSerializer, Alias("jit.QuotaView")]
public sealed record QuotaView([property: Id(0)] int Parts, [property: Id(1)] int Gateways);
