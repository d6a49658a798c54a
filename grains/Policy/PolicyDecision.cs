using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Network;

namespace JitGrains.Policy;

/// <summary>What a call is, by the policy's APIs. Closed.</summary>
public abstract record ActionMatch
{
    private ActionMatch() { }

    /// <summary>No API has this host and path: 421 where the host is unknown, otherwise 403 (nothing matches is a deny).</summary>
    public sealed record NoApi(bool UnknownHost) : ActionMatch;

    /// <summary>The API has no such action: denied.</summary>
    public sealed record NoAction(ApiDefinition Api) : ActionMatch;

    /// <summary>A sloppier reading is another action (or a segment may not be encoded so): 400.</summary>
    public sealed record Confusable(ApiDefinition Api, CanonicalRefusal Refusal) : ActionMatch;

    /// <summary>The action.</summary>
    /// <param name="Api">Its API.</param>
    /// <param name="Action">The action.</param>
    /// <param name="Captures">What the template captured, decoded, by name.</param>
    /// <param name="Resource">The captures in template order, <c>order=42&amp;item=7</c>, percent-encoded where needed.</param>
    public sealed record Found(ApiDefinition Api, ActionDefinition Action, PathCaptures Captures, string Resource) : ActionMatch;
}

/// <summary>What policy says of a call. Closed.</summary>
public abstract record PolicyDecision
{
    private PolicyDecision() { }

    /// <summary>The deciding rule's name, or null where nothing matched.</summary>
    public abstract string? Rule { get; init; }

    /// <summary>Refused. <c>Rule</c> is null where no rule matched.</summary>
    public sealed record Deny(string? Rule) : PolicyDecision
    {
        /// <inheritdoc/>
        public override string? Rule { get; init; } = Rule;

        /// <summary>Where it is refused only because of how the caller has signed in: what the sign-in must be. Otherwise null.</summary>
        public SignInDemand? SignIn { get; init; }
    }

    /// <summary>Forwarded without approval.</summary>
    public sealed record Allow(string? Rule) : PolicyDecision
    {
        /// <inheritdoc/>
        public override string? Rule { get; init; } = Rule;
    }

    /// <summary>Needs a grant.</summary>
    public sealed record Approve(string? Rule, ApprovalTerms Terms) : PolicyDecision
    {
        /// <inheritdoc/>
        public override string? Rule { get; init; } = Rule;
    }
}

/// <summary>Everything a rule may look at. Parts that are not known make a condition unevaluable (see <see cref="CompiledPolicy"/>).</summary>
public readonly record struct PolicyInput()
{
    /// <summary>Who calls.</summary>
    public required Caller Caller { get; init; }

    /// <summary>The action's API.</summary>
    public required ApiDefinition Api { get; init; }

    /// <summary>The action.</summary>
    public required ActionDefinition Action { get; init; }

    /// <summary>Path captures, decoded; empty where asked ahead without a resource.</summary>
    public PathCaptures Captures { get; init; } = PathCaptures.Empty;

    /// <summary>The call; null where it is asked ahead of any call.</summary>
    public CanonicalRequest? Request { get; init; }

    /// <summary>The body as JSON; null where there is none, it was not read, or it cannot be read as declared JSON.</summary>
    public JsonBody? Body { get; init; }

    /// <summary>Where the call comes from, as far as it is known.</summary>
    public CallOrigin Origin { get; init; }

    /// <summary>The client certificate of the call's connection; null where that is not known.</summary>
    public DeviceCertificate? Certificate { get; init; }

    /// <summary>The time of the decision.</summary>
    public required DateTimeOffset Now { get; init; }
}
