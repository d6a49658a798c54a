using System.Collections.Immutable;
using JitGrains.Gateways;
using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.Restrictions;
using JitGrains.Silo.Revocation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Which grants are revoked: exactly one of the first four.</summary>
/// <param name="Api">Those of this API.</param>
/// <param name="Action">Those for this action.</param>
/// <param name="Issuer">Those of callers of this issuer, by its realm.</param>
/// <param name="Approver">Those that this person's vote carried.</param>
/// <param name="Reason">At most 500 characters.</param>
/// <param name="Terminate">Whether running executions are cut even where their action drains.</param>
public sealed record RevokeMatchingBody(string? Api, string? Action, string? Issuer, string? Approver, string? Reason, bool? Terminate);

/// <summary>A blocked principal.</summary>
/// <param name="Principal">Who.</param>
/// <param name="By">Who blocked it.</param>
/// <param name="At">When.</param>
/// <param name="Reason">Why.</param>
public sealed record BlockView(PrincipalId Principal, PrincipalId By, DateTimeOffset At, string? Reason);

/// <summary>A gateway incarnation and its lease.</summary>
/// <param name="Incarnation">Its id.</param>
/// <param name="Process">The run of the process that it is, or was.</param>
/// <param name="Name">Machine and port.</param>
/// <param name="Phase"><c>not_open</c>, <c>open</c>, <c>condemned</c> or <c>closed</c>.</param>
/// <param name="Renewals">How often its lease was renewed.</param>
/// <param name="Mail">Mail that it has not acknowledged.</param>
/// <param name="OpenedAt">When it was opened.</param>
/// <param name="RenewedAt">When it was last renewed.</param>
/// <param name="EndedAt">When it was condemned or closed.</param>
/// <param name="EndedBecause">Why.</param>
public sealed record GatewayView(
    string Incarnation,
    string Process,
    string Name,
    LeasePhase Phase,
    long Renewals,
    int Mail,
    DateTimeOffset? OpenedAt,
    DateTimeOffset? RenewedAt,
    DateTimeOffset? EndedAt,
    string? EndedBecause);

/// <summary>A list that has no further pages.</summary>
/// <param name="Items">The items.</param>
public sealed record ListView<T>(ImmutableArray<T> Items);

/// <summary>Revocations that reach further than one grant, blocks, and the gateways they have to reach.</summary>
internal static class RevocationEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("/principals/{id}/revoke", RevokePrincipalAsync).WithName("revokePrincipal").WithSummary("Revokes every grant of a principal (operators)")
            .Takes<RevokeBody>(optional: true).Answers<RevocationResult>();
        api.MapPost("/revocations", RevokeMatchingAsync).WithName("revokeMatching").WithSummary("Revokes every grant approved up to now by API, action, issuer or approver (operators)")
            .Takes<RevokeMatchingBody>().Answers<RevocationResult>();
        api.MapPut("/blocks/{principal}", BlockAsync).WithName("block").WithSummary("Refuses every call of a principal, under allow rules too (operators)")
            .Takes<RevokeBody>(optional: true).Answers<RevocationResult>();
        api.MapDelete("/blocks/{principal}", UnblockAsync).WithName("unblock").WithSummary("Ends a block (operators)")
            .Takes<RevokeBody>(optional: true).Answers<RevocationResult>();
        api.MapGet("/blocks", ListBlocksAsync).WithName("listBlocks").WithSummary("Who is blocked (operators and auditors)").Answers<ListView<BlockView>>();
        api.MapGet("/gateways", ListGatewaysAsync).WithName("listGateways").WithSummary("Gateway incarnations and their leases (operators and auditors)").Answers<ListView<GatewayView>>();
    }

    /// <summary>What the body of a revocation says: <c>{reason?, terminate?}</c>.</summary>
    public static async Task<(RevocationOrder Order, Problem? Problem)> OrderAsync(HttpContext http)
    {
        var body = await BodyFields.ReadAsync(http, optional: true);
        var order = new RevocationOrder(http.Caller().Principal, body.Sentence("reason"), body.Flag("terminate"));
        return (order, body.Finish());
    }

    private static async Task<IResult> RevokePrincipalAsync(string id, HttpContext http, Access access, IRevocationService revocation)
    {
        var (order, malformed) = await OrderAsync(http);
        if (malformed is not null)
            return malformed;
        if (!PrincipalId.TryParse(Segment(http, fromEnd: 2) ?? id, null, out var principal, out var wrong))
            return Problems.BadRequest("id", $"The principal in the path: {wrong}.");
        return access.IsOperator(http.Caller())
            ? Json.Ok(await revocation.RevokePrincipalAsync(principal, order, CancellationToken.None))
            : Problems.Forbidden("Only operators revoke everything of a principal.");
    }

    private static async Task<IResult> RevokeMatchingAsync(HttpContext http, Access access, IRevocationService revocation, TimeProvider time)
    {
        var body = await BodyFields.ReadAsync(http);
        (SelectorKind Kind, string Name)[] kinds = [(SelectorKind.Api, "api"), (SelectorKind.Action, "action"), (SelectorKind.Issuer, "issuer"), (SelectorKind.Approver, "approver")];
        var named = kinds.Select(k => (k.Kind, k.Name, Value: body.Text(k.Name, PrincipalId.MaxLength))).Where(k => k.Value is not null).ToArray();
        var order = new RevocationOrder(http.Caller().Principal, body.Sentence("reason"), body.Flag("terminate"));
        if (named.Length != 1)
            body.Wrong(named.Length == 0 ? "api" : named[1].Name, "Give exactly one of api, action, issuer and approver.");
        else if (named[0].Kind == SelectorKind.Approver && !PrincipalId.TryParse(named[0].Value, null, out _, out var wrong))
            body.Wrong("approver", $"approver: {wrong}.");
        else if (named[0].Kind != SelectorKind.Approver && !SafeText.IsToken(named[0].Value!))
            body.Wrong(named[0].Name, $"{named[0].Name} is no name.");
        if (body.Finish() is { } malformed)
            return malformed;
        if (!access.IsOperator(http.Caller()))
            return Problems.Forbidden("Only operators revoke by what grants have in common.");
        return Answer(await revocation.RevokeMatchingAsync(new GrantSelector(named[0].Kind, named[0].Value!), order, CancellationToken.None), time);
    }

    private static Task<IResult> BlockAsync(string principal, HttpContext http, Access access, IRevocationService revocation, TimeProvider time) =>
        ChangeBlockAsync(principal, http, access, time, revocation.BlockAsync);

    private static Task<IResult> UnblockAsync(string principal, HttpContext http, Access access, IRevocationService revocation, IGrainFactory grains, TimeProvider time) =>
        ChangeBlockAsync(principal, http, access, time, async (who, order, cancellation) =>
            // What blocks a revoked key is what keeps it from working at gateways that still remember it.
            ApiKey.IsKey(who) && (await grains.GetGrain<IApiKeysGrain>(IApiKeysGrain.Key).Find(who.Name)).Value is { RevokedAt: not null } key && time.GetUtcNow() < key.ExpiresAt
                ? new Refusal.KeyRevoked()
                : await revocation.UnblockAsync(who, order, cancellation));

    private static async Task<IResult> ChangeBlockAsync(
        string principal, HttpContext http, Access access, TimeProvider time, Func<PrincipalId, RevocationOrder, CancellationToken, Task<Reply<RevocationResult>>> change)
    {
        var (order, malformed) = await OrderAsync(http);
        if (malformed is not null)
            return malformed;
        if (!PrincipalId.TryParse(Segment(http, fromEnd: 1) ?? principal, null, out var who, out var wrong))
            return Problems.BadRequest("principal", $"The principal in the path: {wrong}.");
        return access.IsOperator(http.Caller())
            ? Answer(await change(who, order, CancellationToken.None), time)
            : Problems.Forbidden("Only operators block and unblock.");
    }

    private static async Task<IResult> ListBlocksAsync(HttpContext http, Access access, IRevocationService revocation)
    {
        if (new QueryFields(http.Request).Finish() is { } problem)
            return problem;
        if (!access.SeesAll(http.Caller()))
            return Problems.Forbidden("Only operators and auditors see who is blocked.");
        var blocks = await revocation.ListBlocksAsync(http.RequestAborted);
        return Json.Ok(new ListView<BlockView>([.. blocks.Select(b => new BlockView(b.Principal, b.By, b.At, b.Reason))]));
    }

    private static async Task<IResult> ListGatewaysAsync(HttpContext http, Access access, IRevocationService revocation)
    {
        if (new QueryFields(http.Request).Finish() is { } problem)
            return problem;
        if (!access.SeesAll(http.Caller()))
            return Problems.Forbidden("Only operators and auditors see the gateways.");
        var gateways = await revocation.ListGatewaysAsync(http.RequestAborted);
        return Json.Ok(new ListView<GatewayView>([.. gateways.Select(g => new GatewayView(
            g.Entry.Incarnation,
            g.Entry.Process,
            g.Entry.Name,
            g.Lease.Phase,
            g.Lease.Renewals,
            g.Lease.Mail.Length,
            g.Lease.OpenedAt,
            g.Lease.RenewedAt,
            g.Lease.EndedAt,
            g.Lease.EndedBecause))]));
    }

    private static IResult Answer(Reply<RevocationResult> reply, TimeProvider time) =>
        reply.Value is { } result ? Json.Ok(result) : Problems.From(reply.Refusal!, time.GetUtcNow());

    /// <summary>A path segment decoded once: routing leaves an encoded slash encoded, and names may hold slashes.</summary>
    private static string? Segment(HttpContext http, int fromEnd)
    {
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget.Split('?', 2)[0] ?? "";
        var segments = target.Split('/');
        return segments.Length >= fromEnd && target.StartsWith('/') ? Uri.UnescapeDataString(segments[^fromEnd]) : null;
    }
}
