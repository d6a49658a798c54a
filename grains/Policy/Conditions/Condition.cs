using System.Collections.Immutable;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Network;

namespace JitGrains.Policy.Conditions;

/// <summary>What conditions look at; null parts are not known.</summary>
/// <param name="Captures">Path captures by name.</param>
/// <param name="Request">The call.</param>
/// <param name="Body">Its body as JSON.</param>
/// <param name="Caller">Who calls.</param>
/// <param name="Origin">From where.</param>
/// <param name="Certificate">The connection's client certificate.</param>
/// <param name="Now">When.</param>
/// <param name="Strict">Whether the upstream reads values exactly as they are.</param>
internal readonly record struct ConditionContext(
    PathCaptures? Captures,
    CanonicalRequest? Request,
    JsonBody? Body,
    Caller? Caller,
    CallOrigin Origin,
    DeviceCertificate? Certificate,
    DateTimeOffset Now,
    bool Strict);

/// <summary>One condition. Immutable and thread-safe.</summary>
internal abstract record Condition
{
    /// <summary>Where it stands below its <c>when</c>: <c>body.amount</c>, <c>address</c>.</summary>
    public abstract string Path { get; }

    /// <summary>Whether the body decides it.</summary>
    public virtual bool NeedsBody => false;

    /// <summary>Whether the connection's certificate decides it.</summary>
    public virtual bool NeedsCertificate => false;

    /// <summary>Whether the header that the caller's token comes in decides it.</summary>
    public virtual bool ReadsAuthorization => false;

    /// <summary>Whether it holds, and for people why it cannot be told (null where it can).</summary>
    public abstract Truth Evaluate(in ConditionContext context, out string? problem);

    /// <summary>What it asks, on one line.</summary>
    public abstract override string ToString();
}

/// <summary>Conditions that must all hold; none at all always hold.</summary>
internal sealed class ConditionSet(ImmutableArray<Condition> conditions)
{
    public static ConditionSet Empty { get; } = new([]);

    public ImmutableArray<Condition> Conditions { get; } = conditions;

    public bool IsEmpty => Conditions.IsEmpty;

    public bool NeedsBody { get; } = conditions.Any(c => c.NeedsBody);

    public bool NeedsCertificate { get; } = conditions.Any(c => c.NeedsCertificate);

    public bool ReadsAuthorization { get; } = conditions.Any(c => c.ReadsAuthorization);

    public Truth Evaluate(in ConditionContext context)
    {
        var result = Truth.True;
        foreach (var condition in Conditions)
        {
            result = result.And(condition.Evaluate(context, out _));
            if (result == Truth.False)
                return result;
        }

        return result;
    }
}
