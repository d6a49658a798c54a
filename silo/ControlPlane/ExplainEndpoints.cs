using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using JitGrains.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>A call that nobody makes.</summary>
/// <param name="Method">Its method.</param>
/// <param name="Url">Its whole address at the gateway.</param>
/// <param name="Principal">Who would call.</param>
/// <param name="Groups">Qualified groups of the caller; the asker's own where it asks about itself.</param>
/// <param name="Body">A JSON body.</param>
public sealed record ExplainBody(string Method, string Url, string Principal, ImmutableArray<string>? Groups, JsonElement? Body);

/// <summary>Why policy decided a request, or would decide a call, as it does.</summary>
internal static class ExplainEndpoints
{
    private const int MaxUrl = 8 * 1024;
    private const int MaxGroups = 200;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/explain/{id}", RequestAsync).WithName("explainRequest").WithSummary("Why a request, grant or execution is as it is").Answers<ExplanationView>();
        api.MapPost("/explain", CallAsync).WithName("explainCall").WithSummary("What policy would say of a call: one's own, or anybody's for operators and auditors")
            .Takes<ExplainBody>().Answers<ExplanationView>();
    }

    private static async Task<IResult> RequestAsync(string id, HttpContext http, Access access, IReadModel readModel, TimeProvider time)
    {
        if (!IdFormat.IsId(id, "rq_") && !IdFormat.IsId(id, "gr_") && !IdFormat.IsId(id, "ex_"))
            return Problems.BadRequest("id", "The id is that of a request (rq_), a grant (gr_) or an execution (ex_).");
        var requestId = id[..3] switch
        {
            "gr_" => (await readModel.GetGrantAsync(id, http.RequestAborted))?.RequestId,
            "ex_" => (await readModel.GetExecutionAsync(id, http.RequestAborted))?.RequestId,
            _ => id,
        };
        if (requestId is null || await readModel.GetRequestAsync(requestId, http.RequestAborted) is not { } request || !access.MaySee(http.Caller(), request))
            return Problems.NotFound("request, grant or execution");

        var now = time.GetUtcNow();
        var grant = await readModel.GetGrantByRequestAsync(requestId, http.RequestAborted);
        return Json.Ok(new ExplanationView
        {
            Decision = RuleEffect.Approve,
            Rule = request.Rule,
            Automatic = request.Automatic,
            Detail = Describe(request.Now(now), grant?.Now(now)),
            PolicyVersion = request.PolicyVersion,
            Api = request.Api,
            Action = request.Action,
            Resource = request.Resource,
        });
    }

    private static async Task<IResult> CallAsync(HttpContext http, Access access, IPolicyProvider policies, TimeProvider time)
    {
        var fields = await BodyFields.ReadAsync(http);
        var method = fields.Text("method", 64, required: true);
        var url = fields.Text("url", MaxUrl, required: true);
        var who = fields.Text("principal", PrincipalId.MaxLength, required: true);
        var groups = fields.Texts("groups", MaxGroups, 512);
        var body = fields.Value("body") is { ValueKind: not JsonValueKind.Null } json ? Encoding.UTF8.GetBytes(json.GetRawText()) : null;
        if (!PrincipalId.TryParse(who, null, out var principal, out var wrong))
            fields.Wrong("principal", $"principal: {wrong}.");
        if (groups.FirstOrDefault(g => g.IndexOf(':', StringComparison.Ordinal) is < 1 || !SafeText.IsSafeSentence(g)) is not null)
            fields.Wrong("groups", "groups are written realm:group, such as dev:managers.");
        var request = method is null || url is null || !SafeText.IsToken(method) || url.StartsWith('/')
            ? null
            : PolicyProbe.TryReadRequest($"{method} {url}", headers: body is null ? null : [new HeaderLine("Content-Type", "application/json"), new HeaderLine("Content-Length", $"{body.Length}")]);
        if (request is null)
            fields.Wrong(method is null || SafeText.IsToken(method) ? "url" : "method", "method and url are written like POST and http://127.0.0.1:8080/orders/42/refunds.");
        if (fields.Finish() is { } malformed)
            return malformed;

        var asker = http.Caller();
        var own = principal == asker.Principal;
        if (!access.SeesAll(asker) && !(own && groups.All(asker.Groups.Contains)))
            return Problems.Forbidden("Whoever is neither operator nor auditor asks about itself, in its own groups.");
        var now = time.GetUtcNow();
        var caller = own && groups.IsEmpty
            ? asker
            : new Caller { Principal = principal, Groups = [.. groups], TokenIssuedAt = now, TokenExpiresAt = DateTimeOffset.MaxValue };
        var policy = policies.Current;
        var result = policy.Ask(new PolicyProbe { Caller = caller, Request = request!, Body = body, Now = now });
        return Json.Ok(ExplanationView.From(policy.Version, result));
    }

    private static string Describe(ApprovalRequestView request, GrantView? grant)
    {
        var votes = request.Votes.Select(v => $"{v.Approver} {(v.Decision == VoteDecision.Approve ? "approved" : "denied")}").ToList();
        var asked = request.Automatic
            ? "The rule's automatic conditions approved it."
            : $"The rule wants {string.Join(" and ", request.Stages.Select(s => $"{s.Quorum} in stage {s.Name} (so far {s.Approvals})"))}.{(votes.Count == 0 ? "" : $" {string.Join(", ", votes)}.")}";
        var granted = grant is null
            ? ""
            : $" The grant is {JsonNamingPolicy.SnakeCaseLower.ConvertName(grant.Status.ToString())}{(grant is { Status: GrantStatus.Active, UsesLeft: { } left } ? $" with {left} uses left" : "")}.";
        return $"{asked} The request is {JsonNamingPolicy.SnakeCaseLower.ConvertName(request.Status.ToString())}.{granted}";
    }
}
