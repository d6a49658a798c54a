using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Policy.Evaluation;

/// <summary>
/// Rules of one effect for one action. Of many, only those are looked at that name the caller, one of its groups or its
/// actors, or nobody in particular: no other can be about it. Immutable and thread-safe; looking allocates nothing.
/// </summary>
internal sealed class RuleSet
{
    /// <summary>So few are looked at one by one.</summary>
    private const int Few = 4;

    private readonly FrozenDictionary<string, int[]> byGroup = FrozenDictionary<string, int[]>.Empty;
    private readonly FrozenDictionary<PrincipalId, int[]> byPrincipal = FrozenDictionary<PrincipalId, int[]>.Empty;
    private readonly int[] forAnyone = [];

    public RuleSet(IEnumerable<CompiledRule> rules)
    {
        All = [.. rules];
        if (All.Length <= Few)
            return;
        var indexed = All.Index().ToList();
        forAnyone = [.. indexed.Where(r => r.Item.Who.Anyone).Select(r => r.Index)];
        var named = indexed.Where(r => !r.Item.Who.Anyone).ToList();
        byGroup = named.SelectMany(r => r.Item.Who.Groups.Select(g => (Group: g, r.Index))).GroupBy(r => r.Group, r => r.Index, StringComparer.Ordinal)
            .ToFrozenDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
        byPrincipal = named.SelectMany(r => r.Item.Who.Principals.Select(p => (Principal: p, r.Index))).GroupBy(r => r.Principal, r => r.Index)
            .ToFrozenDictionary(g => g.Key, g => g.ToArray());
    }

    /// <summary>All of them, in the order of the files.</summary>
    public ImmutableArray<CompiledRule> All { get; }

    /// <summary>Those that may be about the caller, in the order of the files. Allocates nothing where they fit into the room.</summary>
    /// <param name="caller">The caller.</param>
    /// <param name="room">Where their numbers are put.</param>
    public Selected About(Caller caller, Span<int> room)
    {
        if (All.Length <= Few)
            return new Selected(this, [], All.Length, everyone: true);
        var count = 0;
        var fits = Add(forAnyone, room, ref count);
        if (byGroup.Count > 0)
        {
            foreach (var group in caller.GroupList)
                fits = fits && (!byGroup.TryGetValue(group, out var rules) || Add(rules, room, ref count));
        }

        if (byPrincipal.Count > 0)
        {
            fits = fits && (!byPrincipal.TryGetValue(caller.Principal, out var own) || Add(own, room, ref count));
            foreach (var actor in caller.Actors)
                fits = fits && (!byPrincipal.TryGetValue(actor, out var acting) || Add(acting, room, ref count));
        }

        return fits ? new Selected(this, room[..count], count, everyone: false) : new Selected(this, [], All.Length, everyone: true);
    }

    // Kept in order, each once; mostly a few come one after the other.
    private static bool Add(int[] rules, Span<int> room, ref int count)
    {
        foreach (var rule in rules)
        {
            var at = room[..count].BinarySearch(rule);
            if (at >= 0)
                continue;
            if (count == room.Length)
                return false;
            at = ~at;
            room[at..count].CopyTo(room[(at + 1)..]);
            room[at] = rule;
            count++;
        }

        return true;
    }

    /// <summary>Rules that may be about a caller.</summary>
    internal readonly ref struct Selected(RuleSet set, ReadOnlySpan<int> numbers, int count, bool everyone)
    {
        private readonly ReadOnlySpan<int> numbers = numbers;

        public int Count => count;

        public CompiledRule this[int index] => set.All[everyone ? index : numbers[index]];
    }
}
