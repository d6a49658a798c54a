using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Limits;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Policy;
using JitGrains.Silo.Identity;

namespace JitGrains.Gateway.RequestPath;

/// <summary>One call once it is known who makes it and what it is.</summary>
internal sealed record Call
{
    private CanonicalRequest request = null!;

    public required HttpContext Context { get; init; }

    /// <summary>From where it comes, as far as that is known.</summary>
    public CallOrigin Origin { get; init; }

    public required CanonicalRequest Request { get => request; init => request = value; }

    public required Caller Caller { get; init; }

    /// <summary>The policy that decides; the current one when the call was matched.</summary>
    public required CompiledPolicy Policy { get; init; }

    public required ActionMatch.Found Match { get; init; }

    /// <summary>The body, where it was read before forwarding; null where it streams through.</summary>
    public BufferedBody? Body { get; init; }

    /// <summary>The body as JSON, where it was read and is some.</summary>
    public JsonBody? Json { get; init; }

    /// <summary>What it has taken from limits; null where there are none.</summary>
    public CallLimits? Limits { get; init; }

    public ApiDefinition Api => Match.Api;

    public ActionDefinition Action => Match.Action;

    /// <summary>Whether its token is no longer there: no policy that looks at it can decide it.</summary>
    public bool IsTokenForgotten { get; private set; }

    /// <summary>
    /// The caller is known, and waits for a person: its token is not kept meanwhile, unless it goes upstream or policy looks at it.
    /// </summary>
    public void ForgetToken()
    {
        if (Api.ForwardAuthorization || Policy.ReadsAuthorization)
            return;
        IsTokenForgotten = true;
        request = request with { Headers = request.Headers.RemoveAll(static h => h.Name == "authorization") };
        Context.Request.Headers.Authorization = default;
    }

    /// <summary>Everything that policy may look at, at this time.</summary>
    public PolicyInput InputAt(DateTimeOffset now) => new()
    {
        Caller = Caller,
        Api = Api,
        Action = Action,
        Captures = Match.Captures,
        Request = Request,
        Body = Json,
        Origin = Origin,
        Certificate = Policy.NeedsCertificate ? Credentials.DeviceOf(Context) : null,
        Now = now,
    };

    /// <summary>What an audit entry says of the call.</summary>
    public CallFacts About(PolicyDecision decision) =>
        new(Caller, Policy.Version, Request.Method, Api.Name, Action.Name, Match.Resource, decision.Rule, Origin: Origin);
}
