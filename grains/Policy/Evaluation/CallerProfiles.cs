using System.Collections.Frozen;
using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Policy.Evaluation;

/// <summary>
/// Which rules may be about whom, worked out once for all callers that the rules do not tell apart by group, principal or actor. A
/// caller's number is noted with the caller, so that a decision reads none of its groups. Beyond a size all are forgotten, and
/// worked out again as they are needed. Thread-safe.
/// </summary>
internal sealed class CallerProfiles
{
    /// <summary>In references, so 32 MB on most machines.</summary>
    private const int DefaultSize = 4_000_000;

    /// <summary>About what one of them takes beside its rules, in references.</summary>
    private const int Overhead = 16;

    private static int generations;

    private readonly FrozenDictionary<string, int> groups;
    private readonly FrozenDictionary<PrincipalId, int> principals;
    private readonly int actions;
    private readonly int size;
    private readonly Lock gate = new();
    private Generation current;

    /// <param name="rules">All rules.</param>
    /// <param name="actions">How many actions there are.</param>
    /// <param name="size">How much is kept, in references.</param>
    public CallerProfiles(ImmutableArray<CompiledRule> rules, int actions, int size = DefaultSize)
    {
        groups = rules.SelectMany(r => r.Who.Groups).Distinct(StringComparer.Ordinal).Index().ToFrozenDictionary(g => g.Item, g => g.Index, StringComparer.Ordinal);
        principals = rules.SelectMany(r => r.Who.Principals).Distinct().Index().ToFrozenDictionary(p => p.Item, p => p.Index);
        (this.actions, this.size) = (actions, size);
        current = new Generation();
    }

    /// <summary>The rules for an action that may be about the caller. Allocates nothing where they were asked for before.</summary>
    public ConcernedRules Of(Caller caller, ActionRules rules)
    {
        var noted = caller.Profile;
        var now = Volatile.Read(ref current);
        var profile = (int)(noted >> 32) == now.Number ? Volatile.Read(ref now.Profiles)[(int)noted] : Enrol(caller);
        return Volatile.Read(ref profile[rules.Number]) ?? WorkOut(profile, caller, rules);
    }

    private ConcernedRules?[] Enrol(Caller caller)
    {
        var kind = KindOf(caller);
        lock (gate)
        {
            var now = current;
            if (!now.Numbers.TryGetValue(kind, out var number))
            {
                now = RoomFor(actions + Overhead);
                number = now.Numbers.Count;
                if (number == now.Profiles.Length)
                {
                    var more = now.Profiles;
                    Array.Resize(ref more, number * 2);
                    Volatile.Write(ref now.Profiles, more);
                }

                now.Profiles[number] = new ConcernedRules?[actions];
                now.Numbers[kind] = number;
            }

            // What it says is there before anybody can read it.
            caller.Profile = ((long)now.Number << 32) | (uint)number;
            return now.Profiles[number];
        }
    }

    private ConcernedRules WorkOut(ConcernedRules?[] profile, Caller caller, ActionRules rules)
    {
        var concerned = rules.About(caller);
        lock (gate)
        {
            // Where that began anew the profile is nobody's any more, and what is put there does no harm.
            _ = RoomFor((2 * concerned.Count) + Overhead);
            Volatile.Write(ref profile[rules.Number], concerned);
        }

        return concerned;
    }

    private Generation RoomFor(int more)
    {
        if (current.Taken + more > size)
            Volatile.Write(ref current, new Generation());
        current.Taken += more;
        return current;
    }

    /// <summary>Equal for callers that the rules do not tell apart by these: who is in it, in numbers.</summary>
    private string KindOf(Caller caller)
    {
        var member = caller.Groups.Where(groups.ContainsKey).Select(g => groups[g]).Order();
        var acting = caller.Actors.Where(principals.ContainsKey).Select(a => principals[a]).Order().Distinct();
        return $"{(principals.TryGetValue(caller.Principal, out var own) ? own : -1)};{string.Join(',', member)};{string.Join(',', acting)}";
    }

    private sealed class Generation
    {
        /// <summary>No other has it, of this policy or another; above 0.</summary>
        public readonly int Number = Interlocked.Increment(ref generations);
        public readonly Dictionary<string, int> Numbers = new(StringComparer.Ordinal);
        public ConcernedRules?[][] Profiles = new ConcernedRules?[16][];
        public int Taken;
    }
}

/// <summary>A rule that may be about a caller.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Named">Whether it names the caller: true, or unknown where it names only an actor.</param>
internal readonly record struct ConcernedRule(CompiledRule Rule, Truth Named)
{
    /// <summary>Whether it is about the caller.</summary>
    public Truth Who(in Conditions.ConditionContext context) => Rule.Who.Evaluate(Named, context);

    /// <summary>Whether it is about the caller and its conditions hold.</summary>
    public Truth Applies(in Conditions.ConditionContext context)
    {
        var who = Who(context);
        return who == Truth.False ? who : who.And(Rule.When.Evaluate(context));
    }
}

/// <summary>The rules for one action that may be about a caller, by effect, each in the order of the files. Immutable.</summary>
internal sealed record ConcernedRules(ConcernedRule[] Deny, ConcernedRule[] Approve, ConcernedRule[] Allow)
{
    public int Count => Deny.Length + Approve.Length + Allow.Length;
}

/// <summary>The rules for one action, by effect. Immutable and thread-safe.</summary>
/// <param name="number">The action's number.</param>
/// <param name="rules">Its rules.</param>
internal sealed class ActionRules(int number, ImmutableArray<CompiledRule> rules)
{
    public int Number => number;

    public RuleSet Deny { get; } = Of(rules, RuleEffect.Deny);

    public RuleSet Approve { get; } = Of(rules, RuleEffect.Approve);

    public RuleSet Allow { get; } = Of(rules, RuleEffect.Allow);

    public ConcernedRules About(Caller caller) => new(Deny.About(caller), Approve.About(caller), Allow.About(caller));

    private static RuleSet Of(ImmutableArray<CompiledRule> rules, RuleEffect effect) => new(rules.Where(r => r.Effect == effect));
}
