using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Policy;
using JitGrains.Quotas;

namespace JitGrains.Limits;

/// <summary>The limits of one policy, with their counts, sorted by when they are taken. Thread-safe.</summary>
public sealed class LimitSet
{
    private readonly FrozenDictionary<string, LiveLimit[]> byApi;
    private readonly FrozenDictionary<string, LiveLimit[]> byAction;
    private readonly LiveLimit[] own;
    private readonly LiveLimit[] beforeAuthentication;
    private readonly LiveLimit[][] bySubject;

    private LimitSet(CompiledPolicy policy, ImmutableArray<LiveLimit> limits)
    {
        (Policy, All) = (policy, limits);
        bySubject = [.. Enum.GetValues<LimitSubject>().Select(s => (LiveLimit[])[.. limits.Where(l => l.Definition.Counts == s)])];
        beforeAuthentication = Calls(LimitStage.BeforeAuthentication);
        var afterAuthentication = Calls(LimitStage.AfterAuthentication);
        var afterMatch = Calls(LimitStage.AfterMatch);
        own = [.. afterAuthentication.Where(l => l.Policy.IsAboutApi(null))];
        byApi = policy.Apis.ToFrozenDictionary(a => a.Name, a => (LiveLimit[])[.. afterAuthentication.Where(l => l.Policy.IsAboutApi(a.Name))], StringComparer.Ordinal);
        byAction = policy.Apis
            .SelectMany(a => a.Actions.Select(x => (Api: a, Action: x)))
            .ToFrozenDictionary(
                x => x.Action.Name,
                x => (LiveLimit[])[.. afterMatch.Where(l => l.Policy.IsAboutApi(x.Api.Name) && l.Policy.IsAboutAction(x.Action))],
                StringComparer.Ordinal);
    }

    /// <summary>The policy.</summary>
    public CompiledPolicy Policy { get; }

    /// <summary>All of them, in the order of the files.</summary>
    public ImmutableArray<LiveLimit> All { get; }

    /// <summary>Whether calls are limited at all.</summary>
    public bool LimitsCalls => bySubject[(int)LimitSubject.Calls].Length > 0;

    /// <summary>Those of calls of which only the address is known.</summary>
    public ReadOnlySpan<LiveLimit> BeforeAuthentication => beforeAuthentication;

    /// <summary>Those of calls of which the caller is known; the API's name is null for the gateway's own endpoints.</summary>
    public ReadOnlySpan<LiveLimit> AfterAuthentication(string? api) => api is null ? own : byApi.TryGetValue(api, out var limits) ? limits : [];

    /// <summary>Those of calls of which the action is known.</summary>
    public ReadOnlySpan<LiveLimit> AfterMatch(string action) => byAction.TryGetValue(action, out var limits) ? limits : [];

    /// <summary>Those that count this.</summary>
    public ReadOnlySpan<LiveLimit> Of(LimitSubject subject) => bySubject[(int)subject];

    /// <summary>Which limits of this have no room for a call, without taking anything; nothing where all have.</summary>
    public ImmutableArray<LimitStanding> Look(LimitSubject subject, in LimitedCall call, long now)
    {
        var limits = Of(subject);
        return limits.IsEmpty ? [] : LimitTakes.Refusing(limits, call, now);
    }

    /// <summary>The limits of a policy.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="before">What was in force before: limits that go on keep their counts.</param>
    /// <param name="keys">How many principals or addresses one limit can tell apart.</param>
    public static LimitSet Of(CompiledPolicy policy, LimitSet? before, int keys) => new(policy,
    [
        .. policy.Limits.Select(limit => new LiveLimit(
            limit,
            before?.All.FirstOrDefault(l => l.Definition.Continues(limit.Definition))?.Table ?? Begin(limit.Definition, policy, keys))),
    ]);

    private LiveLimit[] Calls(LimitStage stage) => [.. bySubject[(int)LimitSubject.Calls].Where(l => l.Policy.Stage == stage)];

    private static LimitTable Begin(LimitDefinition limit, CompiledPolicy policy, int keys)
    {
        var table = LimitTable.For(limit.Terms, CapacityFor(limit, policy, keys));
        // Until the first lease there is no more of a shared one than its grain would let anybody begin with.
        if (limit.Shared)
            table.Hold(QuotaMachine.Least(limit.Terms.Parts), 0);
        return table;
    }

    /// <summary>Where the policy itself says how many keys there can be, room enough for each to have its own place.</summary>
    private static int CapacityFor(LimitDefinition limit, CompiledPolicy policy, int keys)
    {
        if ((limit.Per & (LimitKeys.Principal | LimitKeys.Actor | LimitKeys.Address)) != LimitKeys.None)
            return keys;
        var known = Math.Max(1, limit.Groups.Length);
        if (limit.Per.HasFlag(LimitKeys.Action))
            known *= policy.Apis.Sum(a => a.Actions.Length);
        else if (limit.Per.HasFlag(LimitKeys.Api))
            known *= policy.Apis.Length;
        return known == 1 ? 1 : Math.Min(known, keys) * 8;
    }
}
