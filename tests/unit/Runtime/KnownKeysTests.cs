using JitGrains.Audit;
using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

/// <summary>What is known to be held is not looked at twice.</summary>
public sealed class KnownKeysTests
{
    [Fact]
    public void Where_all_is_known_nothing_is_made()
    {
        var known = new KnownKeys();
        AuditEntry[] entries = [Entry(1, ("pd_a", 0), ("pd_b", 5))];
        known.Add(known.Unknown(entries).Values, known.Generation);
        Assert.Empty(known.Unknown(entries));

        SortedDictionary<string, PersonalValue>? unknown = null;
        known.AddUnknown(entries, ref unknown);
        var before = GC.GetAllocatedBytesForCurrentThread();
        known.AddUnknown(entries, ref unknown);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Null(unknown);
    }

    [Fact]
    public void What_is_found_is_added_to_what_was_found_before()
    {
        var known = new KnownKeys();
        SortedDictionary<string, PersonalValue>? unknown = null;
        known.AddUnknown([Entry(1, ("pd_b", 5))], ref unknown);
        known.AddUnknown([Entry(2, ("pd_a", 0), ("pd_b", 3))], ref unknown);
        Assert.Equal([("pd_a", 0L), ("pd_b", 5L)], unknown!.Values.Select(v => (v.Digest, v.ActedAt)));
    }

    private static AuditEntry Entry(long sequence, params (string Digest, long ActedAt)[] values) =>
        Samples.Entry("one", sequence) with { Values = [.. values.Select(v => new PersonalValue(v.Digest, "x", v.ActedAt))] };
}
