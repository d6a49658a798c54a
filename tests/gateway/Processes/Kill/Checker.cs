using System.Net;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>After a restart: is everything there that was acknowledged, and nothing run that must not be? Used while no load runs.</summary>
internal sealed class Checker(JitClient client, Ledger ledger, MarkedUpstream upstream)
{
    private static readonly (string, string) NoWait = ("Prefer", "wait=0");
    private readonly string bob = ledger.TokenOf("bob");
    private readonly HashSet<Ask> settled = [];

    /// <summary>Checks all that was touched since it last was found at rest; all there ever was with <paramref name="everything"/>.</summary>
    /// <param name="seenBefore">Calls that the upstream had seen when the gateway was started again.</param>
    /// <param name="cutShort">The target of a call that the upstream had when the gateway died, or null.</param>
    /// <param name="everything">Whether to look at what was at rest too.</param>
    public async Task Check(int seenBefore, string? cutShort, bool everything = false)
    {
        var requests = (await client.All(bob, "requests")).ToLookup(r => ledger.Of(r["resource"]!.GetValue<string>()));
        var asks = ledger.Asks.Where(a => everything || !settled.Contains(a)).ToList();
        foreach (var ask in asks)
            await CheckRequest(ask, [.. requests[ask]], cutShort);
        ledger.Must(upstream.Total == seenBefore, $"{upstream.Total - seenBefore} calls were run by a restart");
        var grants = (await client.All(bob, "grants")).ToDictionary(g => g["request_id"]!.GetValue<string>(), StringComparer.Ordinal);
        foreach (var ask in asks.Where(a => a.Request is not null))
            await CheckGrant(ask, grants.GetValueOrDefault(ask.Request!));

        await Rejoin(asks);
        await CallAgain(asks);
        await Auditor.VerifyHeads(client, ledger);
        await Auditor.Verify(client, ledger, CancellationToken.None);
        settled.UnionWith(asks.Where(a => a.Finished));
    }

    private async Task CheckRequest(Ask ask, List<JsonNode> found, string? cutShort)
    {
        ledger.Count("asks checked");
        ledger.Must(found.Count <= 1, $"{ask.Target} has {found.Count} requests");
        if (found.Count == 0)
        {
            ledger.Must(ask.Request is null, $"request {ask.Request} was acknowledged, and is gone");
            ledger.Must(upstream.Calls(ask.Target).Count == 0, $"{ask.Target} ran without a request");
            return;
        }

        var id = found[0]["id"]!.GetValue<string>();
        ledger.Must(ask.Request is null || ask.Request == id, $"{ask.Target} was acknowledged as {ask.Request}, and is now {id}");
        ask.Raised(id);
        var view = await AtRest(ask, id);
        var request = view["request"]!;
        var status = request["status"]!.GetValue<string>();
        ledger.Must(ask.Status is null || ask.Status == status, $"{id} was acknowledged as {ask.Status}, and is now {status}");
        ledger.Must(ask.Touched || status == "pending", $"{id} is {status}, and nobody has decided it");
        foreach (var (approver, decision) in ask.Votes)
        {
            var kept = request["votes"]!.AsArray().Any(v => v!["approver"]!.GetValue<string>() == $"dev:user:{approver}" && v["decision"]!.GetValue<string>() == decision);
            ledger.Must(kept, $"{approver}'s vote on {id} was acknowledged, and is gone");
            ledger.Count("votes found again");
        }

        ledger.Must(status != "approved" || request["votes"]!.AsArray().Count(v => v!["decision"]!.GetValue<string>() == "approve") >= ask.Kind.Quorum, $"{id} was approved without its quorum");
        CheckUses(ask, id, view["executions"]!.AsArray(), cutShort);
        ask.Became(status);
        ask.Finished |= status is not ("pending" or "approved");
    }

    /// <summary>The request once what was begun has come to its end: a decided vote becomes a grant, a cut execution gets its outcome.</summary>
    private Task<JsonNode> AtRest(Ask ask, string id) => Eventually.Get(async () =>
    {
        var view = (await client.Control(bob, "GET", $"requests/{id}")).Json;
        var status = view["request"]!["status"]!.GetValue<string>();
        var votes = ask.Votes.Values;
        var decided = votes.Contains("deny", StringComparer.Ordinal) || votes.Count(v => v == "approve") >= ask.Kind.Quorum;
        return (status == "pending" && decided) || view["executions"]!.AsArray().Any(e => e!["status"]!.GetValue<string>() == "started") ? null : view;
    });

    private void CheckUses(Ask ask, string id, JsonArray executions, string? cutShort)
    {
        var seen = upstream.Calls(ask.Target);
        ledger.Must(ask.Answered <= seen.Count, $"{id} was answered {ask.Answered} times, and ran {seen.Count} times");
        ledger.Must(ask.RevokedAt is not { } revoked || seen.All(c => c.At <= revoked), $"{id} ran after its grant was revoked");
        ledger.Must(ask.Kind.Method != "POST" || seen.All(c => c.Body is null || c.Body.Contains($"marker-{ask.Order}", StringComparison.Ordinal)), $"{id} ran with another body");
        if (ask.Kind.Uses is not { } uses)
            return;
        var outcomes = executions.Select(e => e!["status"]!.GetValue<string>()).ToList();
        ledger.Must(seen.Count <= outcomes.Count, $"{id} ran {seen.Count} times, with {outcomes.Count} uses on record");
        ledger.Must(outcomes.Count <= uses, $"{id} has {outcomes.Count} uses on record, of {uses}");
        ledger.Must(outcomes.Count(o => o == "completed") <= seen.Count(c => c.Answered), $"{id} has an outcome that its upstream never gave");
        if (ask.Target == cutShort)
        {
            ledger.Must(outcomes.Contains("unknown", StringComparer.Ordinal), $"{id} was cut short, and its outcomes are {string.Join(", ", outcomes)}");
            ledger.Count("executions cut short while the upstream had them");
        }

        ask.Unknown = outcomes.Count(o => o == "unknown");
        ask.Uses = outcomes.Count;
    }

    private async Task CheckGrant(Ask ask, JsonNode? grant)
    {
        if (ask.Status != "approved")
        {
            ledger.Must(grant is null, $"{ask.Request} is {ask.Status ?? "pending"}, and has a grant");
            return;
        }

        if (grant is null)
        {
            ledger.Violation($"{ask.Request} is approved, and has no grant");
            return;
        }

        ledger.Count("grants checked");
        var status = grant["status"]!.GetValue<string>();
        var expected = ask.RevokedAt is not null ? "revoked" : ask.Kind.Uses == ask.Uses ? "consumed" : "active";
        ledger.Must(status == expected || (status == "revoked" && ask.RevokeSent), $"the grant of {ask.Request} is {status}, not {expected}");
        ledger.Must(ask.Kind.Uses is not { } uses || grant["uses_left"]!.GetValue<int>() == uses - ask.Uses, $"the grant of {ask.Request} has {grant["uses_left"]} uses left after {ask.Uses}");
        if (status == "active" && ask.Kind.Uses is null)
        {
            // A window that was open goes on.
            var answer = await Send(ask, NoWait);
            ledger.Must(answer.Status == HttpStatusCode.OK, $"{ask.Target} within its window was answered {answer.Status}: {answer.Body}");
            ledger.Must(upstream.Calls(ask.Target).Count > 0, $"{ask.Target} did not reach its upstream");
            ledger.Count("windows that went on");
        }
    }

    /// <summary>Who asks for the same thing again is at the same request.</summary>
    private async Task Rejoin(List<Ask> asks)
    {
        foreach (var ask in asks.Where(a => a.Request is not null && a.Status is null).Take(12))
        {
            var answer = ask.Kind.Ahead
                ? await client.Call(ledger.TokenOf(ask.Caller), "POST", "/.jit/requests", Callers.AskBody(ask))
                : await Send(ask, NoWait);
            var joined = ask.Kind.Ahead ? answer.Json["id"]?.GetValue<string>() : answer.Header("Jit-Request");
            ledger.Must(joined == ask.Request, $"{ask.Target} re-joined {joined ?? answer.Body}, not {ask.Request}");
            ledger.Count("requests re-joined");
        }
    }

    /// <summary>What was used up is not run again for who asks with its id, whatever came of it.</summary>
    private async Task CallAgain(List<Ask> asks)
    {
        foreach (var ask in asks.Where(a => a.Kind.Uses is not null && a.Uses == a.Kind.Uses).OrderByDescending(a => a.Unknown).Take(8))
        {
            var before = upstream.Calls(ask.Target).Count;
            var answer = await Send(ask, NoWait, ("Jit-Request", ask.Request!));
            ledger.Must(answer.Problem == "already-used", $"{ask.Target}, used up, was answered {answer.Status}: {answer.Body}");
            ledger.Must(upstream.Calls(ask.Target).Count == before, $"{ask.Target} ran again");
            ledger.Count("used up calls sent again");
            if (ask.Unknown > 0)
                ledger.Count("of those with an unknown outcome");
        }
    }

    private Task<Answer> Send(Ask ask, params (string, string)[] headers) =>
        client.Call(ledger.TokenOf(ask.Caller), ask.Kind.Method, ask.Path, ask.Body, CancellationToken.None, headers);
}
