using System.Globalization;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Stories;

/// <summary>API keys in a cluster: what is promised of grants that were revoked is promised of keys.</summary>
[Collection("one at a time")]
public sealed class KeyStoryTests(CredentialTown town) : IClassFixture<CredentialTown>
{
    private const int Enough = 10;

    [Fact]
    public async Task Nothing_is_forwarded_by_a_key_once_its_revocation_has_returned()
    {
        await town.Whole();
        using var operators = new Client(oneByOne: true, patience: TimeSpan.FromMinutes(2));
        for (var round = 0; round < 6; round++)
        {
            var name = $"busy-{round}";
            var key = await town.NewKey(round % 2, name);
            using var stop = new CancellationTokenSource();
            var users = Enumerable.Range(0, 6).Select(i => new User(town, i % 3, key, $"{name}-{i}")).ToList();
            var running = users.Select(u => u.Run(stop.Token)).ToList();
            await Until.Holds(() => users.All(u => u.Forwarded >= Enough), "the key works everywhere", Town.Patience);

            // At the other silo than the one that made it, and while it is used at all gateways.
            var revoked = await operators.Send("DELETE", new Uri(town.Cluster.Silos[1 - (round % 2)].Process.Control, "/api/v1/keys/" + name), town.Dave.Token, new { reason = "found in a log" });

            Assert.True(revoked.Succeeded, revoked.Body);
            Assert.Equal(3, revoked.Json["gateways_acknowledged"]!.GetValue<int>() + revoked.Json["gateways_condemned"]!.GetValue<int>());
            foreach (var user in users)
                user.Refused = 0;
            await Until.Holds(() => users.All(u => u.Refused >= Enough), "the key is refused everywhere", Town.Patience);
            await stop.CancelAsync();
            await Task.WhenAll(running);
            Assert.DoesNotContain(town.Upstream.Arrivals, a => a.Target.Contains($"/orders/{name}-", StringComparison.Ordinal) && a.At > revoked.At);
        }
    }

    [Fact]
    public async Task A_gateway_that_does_not_answer_is_waited_out_and_forwards_nothing_when_it_goes_on()
    {
        await town.Whole();
        var key = await town.NewKey(0, "waiting");
        for (var gateway = 0; gateway < 3; gateway++)
        {
            var at = gateway;
            await Until.Holds(async () => (await town.Read(at, key, "waiting-first")).Succeeded, "the key works", Town.Patience);
        }

        using var operators = new Client(oneByOne: true, patience: TimeSpan.FromMinutes(2));
        var silent = town.Cluster.Gateways[2].Process;
        await silent.Suspend();
        Task<Answer>[] queued;
        Answer revoked;
        try
        {
            // They lie in its sockets, by a key that it knows and a lease that it has: it finds them when it goes on.
            queued = [.. Enumerable.Range(0, 16).Select(i => town.Read(2, key, $"waiting-{i}"))];
            revoked = await operators.Send("DELETE", new Uri(town.Cluster.Silos[0].Process.Control, "/api/v1/keys/waiting"), town.Bob.Token, new { reason = "found in a log" });
            Assert.True(revoked.Succeeded, revoked.Body);
            Assert.True(revoked.Json["gateways_condemned"]!.GetValue<int>() >= 1, revoked.Body);
        }
        finally
        {
            silent.Resume();
        }

        Assert.All(await Task.WhenAll(queued), a => Assert.False(a.Succeeded, $"{a.Body}, {a.SentAt:O} to {a.At:O}; revoked {revoked.SentAt:O} to {revoked.At:O}: {revoked.Body}"));
        for (var gateway = 0; gateway < 3; gateway++)
        {
            var at = gateway;
            await Until.Holds(
                async () =>
                {
                    var refused = await town.Read(at, key, "waiting-last");
                    Assert.False(refused.Succeeded);
                    return refused.Status is 401 or 403;
                },
                "it is refused as what it is",
                Town.Patience);
        }

        Assert.DoesNotContain(town.Upstream.Arrivals, a => a.Target.Contains("/orders/waiting-", StringComparison.Ordinal) && a.At > revoked.At);
    }

    [Fact]
    public async Task The_last_use_at_any_gateway_is_shown_by_every_silo()
    {
        await town.Whole();
        var key = await town.NewKey(1, "seen");
        DateTimeOffset last = default;
        for (var gateway = 0; gateway < 3; gateway++)
        {
            var at = gateway;
            await Until.Holds(
                async () =>
                {
                    var answer = await town.Read(at, key, $"seen-{at}");
                    last = answer.SentAt;
                    return answer.Succeeded;
                },
                "the key works",
                Town.Patience);
        }

        for (var silo = 0; silo < 2; silo++)
        {
            var at = silo;
            await Until.Holds(
                async () =>
                {
                    var listed = await town.Ask(at, town.Bob, "GET", "keys");
                    var shown = listed.Succeeded ? listed.Json["items"]!.AsArray().Single(k => k!["name"]!.GetValue<string>() == "seen")!["last_used_at"]?.GetValue<string>() : null;
                    return shown is not null && DateTimeOffset.Parse(shown, CultureInfo.InvariantCulture) >= last;
                },
                "the last use is told",
                Town.Patience);
        }
    }

    /// <summary>Uses a key at one gateway, again and again.</summary>
    private sealed class User(CredentialTown town, int gateway, string key, string order)
    {
        private int forwarded;
        private int refused;

        public int Forwarded => Volatile.Read(ref forwarded);

        /// <summary>How often it was told that the key is none, or its principal blocked.</summary>
        public int Refused
        {
            get => Volatile.Read(ref refused);
            set => Volatile.Write(ref refused, value);
        }

        public async Task Run(CancellationToken stop)
        {
            using var client = new Client(patience: TimeSpan.FromMinutes(2));
            await Task.Yield();
            while (!stop.IsCancellationRequested)
            {
                var answer = await town.Read(gateway, key, order, client);
                if (answer.Succeeded)
                    Interlocked.Increment(ref forwarded);
                else if (answer.Status is 401 or 403)
                    Interlocked.Increment(ref refused);
                await Until.Passed(TimeSpan.FromMilliseconds(2), CancellationToken.None);
            }
        }
    }
}
