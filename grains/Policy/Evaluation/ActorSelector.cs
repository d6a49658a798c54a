using System.Collections.Frozen;
using JitGrains.Identity;
using JitGrains.Policy.Conditions;

namespace JitGrains.Policy.Evaluation;

/// <summary>Through whom a call comes: through anybody, through nobody, or through the actors listed. Immutable and thread-safe.</summary>
internal sealed class ActorSelector
{
    /// <summary>Somebody acts for the subject.</summary>
    public static readonly ActorSelector Any = new([]);

    /// <summary>The subject calls itself.</summary>
    public static readonly ActorSelector None = new([]);

    private readonly FrozenSet<PrincipalId> listed;

    private ActorSelector(FrozenSet<PrincipalId> listed) => this.listed = listed;

    /// <summary>These actors.</summary>
    public static ActorSelector Of(IEnumerable<PrincipalId> actors) => new(actors.ToFrozenSet());

    /// <summary>
    /// Whether a call comes so. Where only some of the actors are listed it is unknown: what restricts one of them restricts the
    /// call, what is let through one of them is not let through the others.
    /// </summary>
    public Truth Evaluate(Caller caller)
    {
        if (ReferenceEquals(this, Any) || ReferenceEquals(this, None))
            return caller.Actors.IsDefaultOrEmpty == ReferenceEquals(this, None) ? Truth.True : Truth.False;
        if (caller.Actors.IsDefaultOrEmpty)
            return Truth.False;
        var among = 0;
        foreach (var actor in caller.Actors)
        {
            if (listed.Contains(actor))
                among++;
        }

        return among == caller.Actors.Length ? Truth.True : among > 0 ? Truth.Unknown : Truth.False;
    }
}
