using System.Text;
using JitGrains.Json;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.RequestPath;

/// <summary>Writes the gateway's own answers. Stateless.</summary>
internal static class Answers
{
    /// <summary>Writes a problem; does nothing where an answer is already on its way.</summary>
    public static Task Refuse(HttpContext context, Problem problem, ApiDefinition? api = null)
    {
        var response = context.Response;
        if (response.HasStarted)
            return Task.CompletedTask;
        response.Clear();
        response.Headers[OwnHeaders.ProxyStatus] = $"jitgrains; error={GatewayProblems.ProxyErrorOf(problem)}";
        if (api?.Cors is { } cors)
            Cors.Apply(response.Headers, cors, Cors.AllowedOrigin(context.Request.Headers, cors));
        return problem.ExecuteAsync(context);
    }

    /// <summary>Writes JSON.</summary>
    public static Task Json<T>(HttpContext context, T value, int status = StatusCodes.Status200OK)
    {
        context.Response.Headers.CacheControl = "private, no-store";
        return Results.Json(value, JitJson.Options, statusCode: status).ExecuteAsync(context);
    }

    /// <summary>What was decided and by what, as a structured field (RFC 8941): <c>approve; rule="..."; policy="..."</c>.</summary>
    public static string Decision(PolicyDecision decision, string policyVersion)
    {
        var word = Word(decision);
        return decision.Rule is { } rule ? $"{word}; rule={Quoted(rule)}; policy={Quoted(policyVersion)}" : $"{word}; policy={Quoted(policyVersion)}";
    }

    /// <summary><c>allow</c>, <c>approve</c> or <c>deny</c>.</summary>
    public static string Word(PolicyDecision decision) => decision switch
    {
        PolicyDecision.Allow => "allow",
        PolicyDecision.Approve => "approve",
        _ => "deny",
    };

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            if (c is '"' or '\\')
                quoted.Append('\\').Append(c);
            else
                quoted.Append(c is >= ' ' and <= '~' ? c : '?');
        }

        return quoted.Append('"').ToString();
    }
}
