using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Network;
using JitGrains.Policy;
using JitGrains.Principals;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Network;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.Callers;

/// <summary><c>POST /.jit/requests</c>: asks for an action before any call. Thread-safe.</summary>
internal sealed class AskAhead(IPolicyProvider policies, AskFactory asks, Asking asking, RequestLookup requests, IGatewayLease lease, TimeProvider time)
{
    private const int MaxBody = 16 * 1024;

    private static readonly Problem NeedsCall = new Problem(
        "binding-needs-request", 400, "This action needs the call itself", "Approval for it is for one exact call: send that call, and it is held.").With("field", "action");

    public async Task Handle(HttpContext context, Caller caller)
    {
        using var body = await BufferedBody.Read(context, MaxBody);
        var refused = body is null
            ? Problems.PayloadTooLarge(MaxBody)
            : AskBody.TryRead(context.Request.ContentType, context.Request.Headers.ContentEncoding, body.Memory, out var asked, out var bad)
                ? await Ask(context, caller, asked!)
                : bad;
        if (refused is not null)
            await Answers.Refuse(context, refused);
    }

    /// <summary>Asks and answers; null, or why it was refused.</summary>
    private async Task<Problem?> Ask(HttpContext context, Caller caller, AskBody asked)
    {
        if (policies.Current.FindAction(asked.Action) is (_, { Binding: BindingKind.Payload }))
            return NeedsCall;
        var (wanted, bad) = Examine(context, caller, asked);
        if (wanted is null)
            return bad;
        var header = Answers.Decision(wanted.Decision, wanted.PolicyVersion);
        if (wanted.Decision is not PolicyDecision.Approve approve)
        {
            return (wanted.Decision is PolicyDecision.Allow
                ? new Problem("bad-request", 400, "No approval is needed", "A rule allows this action; just call it.").With("field", "action")
                : GatewayProblems.OfDeny(wanted.Decision, "Policy does not let you ask for this.")).WithHeader(OwnHeaders.Decision, header);
        }

        var (accepted, refused) = await Raise(context, caller, asked, wanted);
        if (accepted is null)
            return refused!.Name is "bad-request" or "reason-required" ? refused : refused.WithHeader(OwnHeaders.Decision, header);
        var task = requests.TaskOf(accepted.RequestId, wanted.Match, approve.Terms, await requests.FindRaised(accepted.RequestId));
        context.Response.Headers.Location = task.StatusEndpoint;
        context.Response.Headers[OwnHeaders.Decision] = header;
        await Answers.Json(context, task, StatusCodes.Status201Created);
        return null;
    }

    /// <summary>What is asked for and what policy says of it, or why it cannot be asked for like this.</summary>
    public (Wanted? Wanted, Problem? Refused) Examine(HttpContext context, Caller caller, AskBody asked)
    {
        if (!lease.IsLive)
            return (null, Problems.Unavailable("Requests cannot be raised at the moment."));
        var policy = policies.Current;
        if (policy.FindAction(asked.Action) is not var (api, action))
            return (null, Problems.BadRequest("action", "Policy has no such action."));
        if (caller.Scope?.Admits(api.Name, action.Name) == false)
            return (null, GatewayProblems.OutOfScope);
        if (!api.IsAudienceOf(caller))
            return (null, Problems.Unauthenticated(TokenValidator.ForAnotherApi));
        if (!TryResource(policy, action, asked, out var captures, out var resource, out var badResource))
            return (null, badResource);
        if (!CallerText.TryMake(asked.Reason, "reason", asked.Ticket, "ticket", out var text, out var badText))
            return (null, badText);

        var origin = CallOrigins.Of(context);
        if (!policy.Admits(api, origin))
            return (null, GatewayProblems.NetworkDenied);
        var decision = policy.Evaluate(new PolicyInput
        {
            Caller = caller,
            Api = api,
            Action = action,
            Captures = captures,
            Origin = origin,
            Certificate = policy.NeedsCertificate ? Credentials.DeviceOf(context) : null,
            Now = time.GetUtcNow(),
        });
        // Where a rule allows or denies there is no grant, and nothing to bind.
        if (decision is PolicyDecision.Approve && action.Binding == BindingKind.Payload)
            return (null, NeedsCall);
        return (new Wanted(new ActionMatch.Found(api, action, captures, resource), decision, text, origin, policy.Version), null);
    }

    /// <summary>Raises or joins under an approve rule.</summary>
    public async Task<(AskAccepted? Accepted, Problem? Refused)> Raise(HttpContext context, Caller caller, AskBody asked, Wanted wanted)
    {
        var rule = (PolicyDecision.Approve)wanted.Decision;
        if (Limits(asked, rule.Terms) is { } tooMuch)
            return (null, tooMuch);
        if (rule.Terms.ReasonRequired && wanted.Text.Reason is null)
            return (null, GatewayProblems.ReasonRequired("reason"));
        var window = asked.DurationSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : rule.Terms.DefaultWindow;
        var ask = asks.Ahead(caller, wanted.Match, rule.Terms, wanted.Text, asked.Uses ?? rule.Terms.DefaultUses, window, wanted.Origin);
        var raised = await asking.RaiseOrJoin(ask, new LimitedCall(ClientAddress.Of(context), caller, wanted.Match.Api.Name, wanted.Match.Action), join: null);
        if (raised.Reply is not { } reply)
            return (null, raised.Limited!);
        return reply.Value is { } accepted ? (accepted, null) : (null, Problems.From(reply.Refusal!, time.GetUtcNow()));
    }

    private static bool TryResource(
        CompiledPolicy policy, ActionDefinition action, AskBody asked, out PathCaptures captures, out string resource, out Problem? refused)
    {
        refused = null;
        if (action.Binding == BindingKind.Action && asked.Resource.Count == 0)
        {
            captures = PathCaptures.Empty;
            resource = "";
            return true;
        }

        if (policy.TryMakeResource(action, asked.Resource, out captures, out resource, out var problem))
            return true;
        refused = Problems.BadRequest("resource", problem + ".");
        return false;
    }

    private static Problem? Limits(AskBody asked, ApprovalTerms terms)
    {
        if (asked.DurationSeconds is { } seconds && (seconds < 1 || TimeSpan.FromSeconds(seconds) > terms.MaxWindow))
            return Problems.BadRequest("duration_seconds", $"From 1 to {(long)terms.MaxWindow.TotalSeconds} seconds here.");
        if (asked.Uses is { } uses && (uses < 1 || uses > (terms.MaxUses ?? int.MaxValue)))
            return Problems.BadRequest("uses", terms.MaxUses is { } most ? $"From 1 to {most} uses here." : "At least 1 use.");
        return null;
    }
}

/// <summary>What is asked for, as policy sees it.</summary>
/// <param name="Match">Action and resource.</param>
/// <param name="Decision">What policy says.</param>
/// <param name="Text">What the caller says about it.</param>
/// <param name="Origin">From where.</param>
/// <param name="PolicyVersion">The policy that decided.</param>
internal sealed record Wanted(ActionMatch.Found Match, PolicyDecision Decision, CallerText Text, CallOrigin Origin, string PolicyVersion);

/// <summary>What is asked for, as sent.</summary>
internal sealed record AskBody(string Action, IReadOnlyDictionary<string, string> Resource, string? Reason, string? Ticket, long? DurationSeconds, int? Uses)
{
    private const long LongestDuration = 366L * 24 * 60 * 60;

    /// <summary>Reads the body; the refusal names the field that is wrong.</summary>
    public static bool TryRead(string? contentType, string? contentEncoding, ReadOnlyMemory<byte> bytes, out AskBody? body, out Problem? refused)
    {
        body = null;
        refused = null;
        if (JsonBody.TryRead(contentType, string.IsNullOrEmpty(contentEncoding) ? null : contentEncoding, bytes) is not { Root: { ValueKind: JsonValueKind.Object } root })
        {
            refused = Problems.BadRequest("body", "Send a JSON object as application/json.");
            return false;
        }

        string? action = null, reason = null, ticket = null;
        IReadOnlyDictionary<string, string>? resource = ImmutableDictionary<string, string>.Empty;
        long? duration = null;
        int? uses = null;
        foreach (var member in root.EnumerateObject())
        {
            var value = member.Value;
            var fine = value.ValueKind == JsonValueKind.Null || member.Name switch
            {
                "action" => (action = Text(value)) is not null,
                "reason" => (reason = Text(value)) is not null,
                "ticket" => (ticket = Text(value)) is not null,
                "resource" => (resource = ResourceOf(value)) is not null,
                "duration_seconds" => (duration = Whole(value, LongestDuration)) is not null,
                "uses" => (uses = (int?)Whole(value, int.MaxValue)) is not null,
                _ => false,
            };
            if (!fine)
            {
                refused = Problems.BadRequest(
                    JitGrains.Identity.SafeText.IsToken(member.Name) ? member.Name : "body",
                    "Known are action, resource, reason, ticket (texts), duration_seconds and uses (whole numbers); resource also as an object of texts.");
                return false;
            }
        }

        if (action is null)
        {
            refused = Problems.BadRequest("action", "Name the action.");
            return false;
        }

        body = new AskBody(action, resource!, reason, ticket, duration, uses);
        return true;
    }

    private static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Whole(JsonElement value, long most) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number <= most && number >= -1 ? number : null;

    /// <summary>An object of texts, or <c>order=42&amp;item=7</c>.</summary>
    private static Dictionary<string, string>? ResourceOf(JsonElement value)
    {
        var parts = new Dictionary<string, string>(StringComparer.Ordinal);
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var part in value.EnumerateObject())
            {
                if (Text(part.Value) is not { } text || !parts.TryAdd(part.Name, text))
                    return null;
            }

            return parts;
        }

        if (Text(value) is not { } written)
            return null;
        foreach (var part in written.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || !parts.TryAdd(Uri.UnescapeDataString(part[..equals]), Uri.UnescapeDataString(part[(equals + 1)..])))
                return null;
        }

        return parts;
    }
}
