using FsCheck;
using FsCheck.Fluent;
using JitGrains.Approvals;
using JitGrains.Identity;

namespace JitGrains.UnitTests.Properties;

/// <summary>What commands are made of. A few usual values, so that they meet, and hostile ones.</summary>
internal static class Any
{
    public static readonly PrincipalId Helper = Sample.Person("helper"), Trigger = Sample.Person("trigger");

    /// <summary>What texts can be: empty, long, of other alphabets, what looks like JSON. A lone surrogate cannot come by any wire or store.</summary>
    public static readonly Gen<string> HostileText = Gen.Elements(
        "", " ", "\0", "\u202e", "\"}]", "null", "{\"v\":2}", "a\nb\r\n", "orders.refund", new string('x', 5000), "\U0001f512", "\u00c5", "A\u030a", "__proto__", "$type", "rq_", "_", "gr_");

    public static readonly Gen<PrincipalId> Person = Gen.Frequency(
        (12, Gen.Elements(Sample.Alice, Sample.Bob, Sample.Carol, Sample.Dave)),
        (2, Gen.Elements(Helper, Trigger)),
        (1, Gen.Elements(new PrincipalId("other:user:bob"), new PrincipalId("dev:user:b:o:b"), new PrincipalId("dev:user:" + new string('n', 200)))));

    public static readonly Gen<TimeSpan> HostileSpan = Gen.Elements(
        TimeSpan.MinValue, TimeSpan.MaxValue, TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromTicks(-1), TimeSpan.FromDays(-1), TimeSpan.FromDays(3_000_000));

    public static readonly Gen<int> HostileNumber = Gen.Elements(int.MinValue, -1, 0, 1, int.MaxValue);

    public static Gen<T> Mostly<T>(Gen<T> usual, Gen<T> hostile) => Gen.Frequency((15, usual), (1, hostile));

    public static Gen<string> Text(params string[] usual) => Mostly(Gen.Elements(usual), HostileText);

    public static Gen<string> Id(string prefix, int count) => Mostly(Gen.Choose(1, count).Select(n => $"{prefix}_{n:d26}"), HostileText);

    public static Gen<TimeSpan> Span(params int[] seconds) => Mostly(Gen.Elements(seconds).Select(s => TimeSpan.FromSeconds(s)), HostileSpan);

    public static Gen<VoteDecision> Decision => Gen.Frequency((6, Gen.Constant(VoteDecision.Approve)), (1, Gen.Constant(VoteDecision.Deny)));

    /// <summary>An element or nothing.</summary>
    public static Gen<T?> Maybe<T>(Gen<T> one)
        where T : class => Gen.Frequency((1, Gen.Constant<T?>(null)), (3, one.Select(T? (o) => o)));
}
