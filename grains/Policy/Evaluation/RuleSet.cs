using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Policy.Evaluation;

/// <summary>
/// Rules of one effect for one action. Of many, only those are looked at that name the caller, one of its groups or its
/// actors, or nobody in particular: no other can be about it. Immutable and thread-safe.
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

    /// <summary>Those that may be about the caller, in the order of the files.</summary>
    public ConcernedRule[] About(Caller caller)
    {
        IEnumerable<int> numbers = Enumerable.Range(0, All.Length);
        if (All.Length > Few)
        {
            var some = new SortedSet<int>(forAnyone);
            foreach (var group in caller.Groups)
                some.UnionWith(byGroup.GetValueOrDefault(group, []));
            some.UnionWith(byPrincipal.GetValueOrDefault(caller.Principal, []));
            foreach (var actor in caller.Actors)
                some.UnionWith(byPrincipal.GetValueOrDefault(actor, []));
            numbers = some;
        }

        return [.. numbers.Select(n => new ConcernedRule(All[n], All[n].Who.IsNamed(caller))).Where(r => r.Named != Truth.False)];
    }
}
