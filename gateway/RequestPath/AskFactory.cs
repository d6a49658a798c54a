using JitGrains.Approvals;
using JitGrains.Binding;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Policy;
using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.RequestPath;

/// <summary>Makes asks: everything that approvers are shown and the grant will carry. Thread-safe.</summary>
internal sealed class AskFactory(IIdGenerator ids)
{
    /// <summary>The ask of a call that is there.</summary>
    public Ask ForCall(BoundCall bound, ApprovalTerms terms, CallerText text)
    {
        var call = bound.Call;
        var body = call.Body?.Memory ?? ReadOnlyMemory<byte>.Empty;
        var payload = ReviewBuilder.Build(call.Request, body, call.Api, call.Action);
        if (call.Body is null && call.Context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true)
            payload = payload with { BodyIncomplete = true, BodyBytes = call.Context.Request.ContentLength ?? 0 };
        return Make(call.Caller, call.Match, terms, text, terms.DefaultUses, terms.DefaultWindow, bound.RejoinKey, call.Origin) with
        {
            PayloadDigest = bound.PayloadDigest,
            Payload = payload,
            Summary = SummaryTemplate.Describe(new SummaryInput
            {
                Principal = call.Caller.Principal,
                Actors = call.Caller.Actors,
                Action = call.Action,
                Resource = call.Match.Resource,
                Captures = call.Match.Captures,
                Request = call.Request,
                Body = call.Json ?? JsonBody.TryRead(call.Request.SingleHeader("content-type"), call.Request.SingleHeader("content-encoding"), body),
            }),
        };
    }

    /// <summary>An ask ahead of any call. Its action binds no payload.</summary>
    public Ask Ahead(Caller caller, ActionMatch.Found match, ApprovalTerms terms, CallerText text, int? uses, TimeSpan window, CallOrigin origin) =>
        Make(caller, match, terms, text, uses, window, RejoinKey.Compute(caller.AskKey, match.Api.Name, match.Action.Name, match.Resource, match.Action.Binding, null), origin) with
        {
            Summary = SummaryTemplate.Describe(new SummaryInput { Principal = caller.Principal, Actors = caller.Actors, Action = match.Action, Resource = match.Resource, Captures = match.Captures }),
        };

    /// <summary>How long the caller would be held: what it says, within the action's cap.</summary>
    public static TimeSpan WaitOf(Call call) => WaitOf(call.Request, call.Action.HoldDefault, call.Action.HoldCap);

    /// <summary>How long the caller would be held: what it says (<c>Prefer: wait=N</c>), otherwise the default, within the cap.</summary>
    public static TimeSpan WaitOf(CanonicalRequest request, TimeSpan otherwise, TimeSpan cap)
    {
        var wait = Preferences.WaitSeconds(request.HeaderValues("prefer")) is { } seconds ? TimeSpan.FromSeconds(seconds) : otherwise;
        return wait < cap ? wait : cap;
    }

    /// <summary>What an ask for this is for.</summary>
    public static string ResourceOf(ActionMatch.Found match) => match.Action.Binding == BindingKind.Action && match.Captures.IsEmpty ? "" : match.Resource;

    private Ask Make(Caller caller, ActionMatch.Found match, ApprovalTerms terms, CallerText text, int? uses, TimeSpan window, string rejoinKey, CallOrigin origin) => new()
    {
        RequestId = ids.NewRequestId(),
        Principal = caller.Principal,
        Actors = caller.Actors,
        Excluded = caller.Excluded,
        Api = match.Api.Name,
        Action = match.Action.Name,
        Access = match.Action.Access,
        Sensitivity = match.Action.Sensitivity,
        Resource = ResourceOf(match),
        Binding = match.Action.Binding,
        Reason = text.Reason,
        Ticket = text.Ticket,
        Uses = uses,
        Window = window,
        Terms = terms,
        Summary = "",
        RejoinKey = rejoinKey,
        Address = origin.Address?.ToString(),
        Country = origin.Country.IsKnown ? origin.Country.ToString() : null,
    };
}
