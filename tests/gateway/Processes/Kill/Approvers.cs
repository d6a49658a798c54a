using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;

namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>One approver, voting on whatever is pending and revoking now and then, until the gateway is dead.</summary>
internal sealed class Approvers(JitClient client, Ledger ledger, KillSwitch killSwitch, string approver, int seed)
{
    private readonly Random random = new(seed);
    private readonly string token = ledger.TokenOf(approver);

    public async Task Run()
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        try
        {
            while (await pause.WaitForNextTickAsync(killSwitch.Killed))
            {
                var pending = await client.Control(token, "GET", "requests?status=pending&limit=20", cancellation: killSwitch.Killed);
                foreach (var request in pending.Json["items"]!.AsArray())
                {
                    // Some are left for later, so that something is always pending.
                    if (random.Next(3) > 0 && ledger.Of(request!["resource"]!.GetValue<string>()) is { } ask && !ask.Votes.ContainsKey(approver))
                        await Vote(ask, request);
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The gateway is gone, in the middle of something: nothing was acknowledged.
        }
    }

    private async Task Vote(Ask ask, JsonNode request)
    {
        var id = request["id"]!.GetValue<string>();
        var decision = random.Next(8) == 0 ? "deny" : "approve";
        ask.Touched = true;
        ledger.Count("votes sent");
        var sent = client.Control(token, "POST", $"requests/{id}/votes", new { decision, digest = request["digest"]!.GetValue<string>() }, killSwitch.Killed);
        await killSwitch.Happens(Moment.VoteSent);
        var answer = await sent;
        if (answer.Status == HttpStatusCode.OK)
        {
            ask.Voted(approver, decision);
            ask.Became(answer.Json["status"]!.GetValue<string>());
            ledger.Count("votes taken");
        }
        else if (answer.Problem is not ("already-decided" or "already-voted"))
        {
            ledger.Violation($"a vote was answered {answer.Status}: {answer.Body}");
        }

        await killSwitch.Happens(Moment.VoteTaken);
        if (decision == "approve" && answer.Status == HttpStatusCode.OK && random.Next(3) == 0)
            await Revoke(ask, id);
    }

    private async Task Revoke(Ask ask, string id)
    {
        // The grant follows the vote; the caller may be using it up by then, and may not.
        string? grant = null;
        for (var look = 0; look < 10 && grant is null; look++)
            grant = (await client.Control(token, "GET", $"requests/{id}", cancellation: killSwitch.Killed)).Json["request"]!["grant_id"]?.GetValue<string>();
        if (grant is null)
            return;
        ask.RevokeSent = true;
        var sent = client.Control(token, "DELETE", $"grants/{grant}", new { reason = "changed my mind" }, killSwitch.Killed);
        await killSwitch.Happens(Moment.RevokeSent);
        var answer = await sent;
        if (answer.Status != HttpStatusCode.OK)
        {
            ledger.Violation($"a revocation was answered {answer.Status}: {answer.Body}");
            return;
        }

        // A grant that was used up or given back before is none that this revoked.
        if (answer.Json["grant_ids"]!.AsArray().Count > 0)
        {
            ask.Revoked(Stopwatch.GetTimestamp());
            ledger.Count("revocations");
        }
    }
}
