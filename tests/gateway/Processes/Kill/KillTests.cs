using Xunit.Abstractions;

namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>
/// kill -9 at any moment, then a restart on the same data: what was acknowledged is there, what was cut short is not run
/// again, and the upstream never saw more than was granted.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private const int Rounds = 12;
    private const int Seed = 20_300_101;

    /// <summary>Moments, and up to how many of them a round may last.</summary>
    private static readonly (Moment Kind, int Most)[] Moments =
    [
        (Moment.UpstreamCalled, 8), (Moment.VoteSent, 12), (Moment.CallerAnswered, 40), (Moment.UpstreamCalled, 3),
        (Moment.RevokeSent, 3), (Moment.VoteTaken, 12), (Moment.CallerSends, 40),
    ];

    [Fact]
    public async Task What_was_acknowledged_outlives_the_process()
    {
        await using var upstream = await MarkedUpstream.Start();
        await using var installation = await Installation.Create(AskKind.Policy, upstream.Address);
        using var client = new JitClient(installation);
        var random = new Random(Seed);
        Ledger? ledger = null;
        Checker? checker = null;
        string? cutShort = null;

        for (var round = 0; round < Rounds; round++)
        {
            var seen = await upstream.TotalAtRest();
            var process = await installation.Start();
            if (ledger is null)
            {
                ledger = new Ledger(await Tokens(installation));
                checker = new Checker(client, ledger, upstream);
            }
            else
            {
                await checker!.Check(seen, cutShort);
            }

            var (kind, most) = Moments[round % Moments.Length];
            using var killSwitch = new KillSwitch(process, kind, random.Next(1, most + 1));
            // A use that is counted, of which the store knows.
            upstream.Arrived = call => call.Target.StartsWith("DELETE", StringComparison.Ordinal) ? Task.CompletedTask : killSwitch.Happens(Moment.UpstreamCalled, call.Target);
            await Load(client, ledger, killSwitch, random).WaitAsync(TimeSpan.FromMinutes(4));
            upstream.Arrived = _ => Task.CompletedTask;
            cutShort = killSwitch.CutShort;
            ledger.Count("kills");
        }

        var last = await upstream.TotalAtRest();
        await installation.Start();
        await checker!.Check(last, cutShort, everything: true);

        foreach (var (what, count) in ledger!.Counts)
            output.WriteLine($"{what}: {count}");
        output.WriteLine($"upstream calls: {upstream.Total}");
        output.WriteLine($"violations: {ledger.Violations.Count}");
        Assert.Empty(ledger.Violations);
        // It was a test only if there was something to lose.
        Assert.Equal(Rounds, ledger.CountOf("kills"));
        foreach (var what in new[] { "calls that ran", "votes found again", "grants checked", "requests re-joined", "heads found again", "revocations", "executions cut short while the upstream had them", "of those with an unknown outcome", "windows that went on" })
            Assert.True(ledger.CountOf(what) > 0, $"no {what}");
    }

    private static async Task Load(JitClient client, Ledger ledger, KillSwitch killSwitch, Random random) => await Task.WhenAll(
    [
        .. ledger.Callers.Select(c => new Callers(client, ledger, killSwitch, c, random.Next()).Run()),
        new Approvers(client, ledger, killSwitch, "bob", random.Next()).Run(),
        new Approvers(client, ledger, killSwitch, "carol", random.Next()).Run(),
        Auditor.Run(client, ledger, killSwitch),
        killSwitch.Done,
    ]);

    private static async Task<Dictionary<string, string>> Tokens(Installation installation) => new(StringComparer.Ordinal)
    {
        ["alice"] = await installation.Token("alice"),
        ["alice by build"] = await installation.Token("alice", "agent:build"),
        ["alice by deploy"] = await installation.Token("alice", "agent:deploy"),
        ["alice by triage"] = await installation.Token("alice", "agent:triage"),
        ["bob"] = await installation.Token("bob"),
        ["carol"] = await installation.Token("carol"),
        ["dave"] = await installation.Token("dave"),
    };
}
