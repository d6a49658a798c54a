using System.Text.Json.Nodes;

namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>Verifies the whole trail under load, and keeps the heads as an auditor would, outside.</summary>
internal static class Auditor
{
    public static async Task Run(JitClient client, Ledger ledger, KillSwitch killSwitch)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        try
        {
            while (await pause.WaitForNextTickAsync(killSwitch.Killed))
                await Verify(client, ledger, killSwitch.Killed);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The gateway is gone.
        }
    }

    /// <summary>Verifies everything, and remembers the heads.</summary>
    public static async Task Verify(JitClient client, Ledger ledger, CancellationToken cancellation)
    {
        var report = (await client.Control(ledger.TokenOf("dave"), "GET", "audit/verify", cancellation: cancellation)).Json;
        ledger.Must(report["valid"]!.GetValue<bool>(), $"audit/verify finds {report["problems"]!.ToJsonString()}");
        ledger.Count("verifications");
        foreach (var chain in report["chains"]!.AsArray())
            ledger.Remember(chain!["source"]!.GetValue<string>(), chain["sequence"]!.GetValue<long>(), chain["hash"]!.GetValue<string>());
    }

    /// <summary>Every head that was remembered is still in its chain.</summary>
    public static async Task VerifyHeads(JitClient client, Ledger ledger)
    {
        foreach (var (source, head) in ledger.TakeHeads())
        {
            var answer = await client.Control(ledger.TokenOf("dave"), "GET", $"audit/verify?source={Uri.EscapeDataString(source)}&head_sequence={head.Sequence}&head_hash={head.Hash}");
            ledger.Must(answer.Problem is null && answer.Json["valid"]!.GetValue<bool>(), $"the head {head.Sequence} of {source} is gone: {answer.Body}");
            ledger.Count("heads found again");
        }
    }
}
