using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace JitGrains.Gateways;

/// <summary>What gateways must no longer rely on. Closed.</summary>
[GenerateSerializer, Alias("jit.Invalidation")]
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(Grants), "grants")]
[JsonDerivedType(typeof(Policy), "policy")]
[JsonDerivedType(typeof(Restrictions), "restrictions")]
[JsonDerivedType(typeof(Everything), "everything")]
public abstract record Invalidation
{
    private Invalidation() { }

    /// <summary>Grants of one caller ended.</summary>
    /// <param name="CallerKey">The principal grain's key.</param>
    /// <param name="GrantIds">The grants that ended.</param>
    /// <param name="Version">The view's version from which on they are gone: an older view must not be used any more.</param>
    /// <param name="Terminate">Whether running executions are cut even where their action drains.</param>
    [GenerateSerializer, Alias("jit.Invalidation.Grants")]
    public sealed record Grants(
        [property: Id(0)] string CallerKey,
        [property: Id(1)] ImmutableArray<string> GrantIds,
        [property: Id(2)] long Version,
        [property: Id(3)] bool Terminate = false) : Invalidation;

    /// <summary>Another policy is in force: whoever decides by an older one must load it first.</summary>
    /// <param name="Sequence">The number of the applied policy.</param>
    /// <param name="Version">Its version.</param>
    [GenerateSerializer, Alias("jit.Invalidation.Policy")]
    public sealed record Policy([property: Id(0)] long Sequence, [property: Id(1)] string Version) : Invalidation;

    /// <summary>The restrictions changed: blocked principals, and grants revoked by what they have in common.</summary>
    /// <param name="Version">Their version; whoever knows an older one must load them first.</param>
    /// <param name="Terminate">Whether running executions that they forbid are cut even where their action drains.</param>
    /// <param name="ConcernsAllowRules">
    /// Whether calls under allow rules are concerned too. Those go on for a while without a lease, so a gateway that does not
    /// answer is then waited out for longer.
    /// </param>
    [GenerateSerializer, Alias("jit.Invalidation.Restrictions")]
    public sealed record Restrictions(
        [property: Id(0)] long Version,
        [property: Id(1)] bool Terminate = false,
        [property: Id(2)] bool ConcernsAllowRules = false) : Invalidation;

    /// <summary>
    /// All that is remembered. A gateway tells itself so whenever it registers: what it knew before nobody had to tell it of,
    /// so each part loads anew what it decides by before the new lease counts.
    /// </summary>
    [GenerateSerializer, Alias("jit.Invalidation.Everything")]
    public sealed record Everything : Invalidation;
}
