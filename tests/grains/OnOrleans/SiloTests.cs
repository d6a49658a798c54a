using System.Text.Json.Nodes;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Principals;
using Npgsql;
using Orleans.Storage;

namespace JitGrains.GrainTests;

/// <summary>What can go wrong between silos, and must not show: silos that die, silos that do not know they are dead, writes of unknown outcome.</summary>
public sealed class SiloTests
{
    public static TheoryData<string> Stores => GrainTests.Stores.All;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_silo_that_is_killed_in_mid_story_loses_nothing_that_was_answered(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        Ask[] asks = [.. Enumerable.Range(0, 24).Select(AskOf)];
        var grants = await Task.WhenAll(asks.Take(8).Select(host.GrantAsync));
        await Task.WhenAll(grants.Take(4).Select(g => host.ConsumeAsync(g, $"ex_{g.Id}")));
        // Raised and voted on, but whether what follows from it is delivered when the silo dies is open.
        await Task.WhenAll(asks.Skip(8).Select(a => host.Principal(a.CallerKey).Ask(new AskCommand(a, null))));

        await host.Cluster.KillSiloAsync(host.Cluster.Silos[1]);
        await host.Cluster.StartAdditionalSiloAsync();

        foreach (var used in grants.Take(4))
            Assert.IsType<Refusal.AlreadyUsed>((await PatientlyAsync(() => host.ConsumeAsync(used, "ex_again"))).Refusal);
        foreach (var unused in grants.Skip(4))
            Assert.NotNull((await PatientlyAsync(() => host.ConsumeAsync(unused, $"ex_{unused.Id}"))).Value);
        foreach (var ask in asks.Skip(8))
        {
            // Any call of the grain has its next activation deliver what the last one left.
            Assert.False((await PatientlyAsync(() => host.Principal(ask.CallerKey).Ask(new AskCommand(ask, null)))).Value!.Raised);
            await EventuallyAsync(async () => (await host.Request(ask.RequestId).Get()).Value is not null);
            Assert.NotNull((await PatientlyAsync(() => host.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve))).Value);
            await EventuallyAsync(async () => (await host.Principal(ask.CallerKey).GetView()).Grants.Length == 1);
        }

        await host.SettleAsync();
        var audit = await host.VerifiedAuditAsync();
        Assert.Equal(asks.Length, audit.Count(e => Is(e, AuditTypes.GrantIssued)));
        Assert.Equal(8, audit.Count(e => Is(e, AuditTypes.GrantConsumed)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task An_activation_that_lives_on_elsewhere_answers_no_view_and_lets_no_use_through(string store)
    {
        var ground = await Ground.CreateAsync(store);
        await using var evicted = await GrainHost.StartAsync(ground);
        var grant = await evicted.GrantAsync(Sample.Ask(1) with { Uses = 3, Terms = Sample.Terms() with { MaxUses = 3 } });
        Assert.Single((await evicted.Principal(grant.CallerKey).GetView()).Grants);

        await using var cluster = await GrainHost.StartAsync(ground);
        Assert.NotNull((await cluster.ConsumeAsync(grant, "ex_1")).Value);
        Assert.Equal(2, (await evicted.Principal(grant.CallerKey).GetView()).Grants.Single().UsesLeft);
        await cluster.Principal(grant.CallerKey).Revoke(new RevokeCommand("cm_1", grant.Id, Sample.Bob, null));

        // It decides by what it remembers, but the store does not take that; from then on it knows.
        await Assert.ThrowsAsync<InconsistentStateException>(() => evicted.ConsumeAsync(grant, "ex_2"));
        Assert.Empty((await evicted.Principal(grant.CallerKey).GetView()).Grants);
        Assert.Equal(new Refusal.GrantNotActive(GrantStatus.Revoked), (await evicted.ConsumeAsync(grant, "ex_2")).Refusal);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Two_activations_that_both_write_first_make_one_state(string store)
    {
        var ground = await Ground.CreateAsync(store);
        await using var one = await GrainHost.StartAsync(ground);
        await using var other = await GrainHost.StartAsync(ground);
        for (var n = 0; n < 50; n++)
        {
            var asks = new[] { AskOf(2 * n), AskOf((2 * n) + 1) with { Principal = AskOf(2 * n).Principal } };
            GrainHost[] hosts = [one, other];
            // Whoever loses knows it, and repeats the call.
            var raised = await Task.WhenAll(hosts.Select(async (h, i) =>
                (await PatientlyAsync(() => h.Principal(asks[i].CallerKey).Ask(new AskCommand(asks[i], null)))).Value!.RequestId));
            Assert.Single(raised.Distinct(StringComparer.Ordinal));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_write_that_failed_is_not_answered_from_memory_whether_it_happened_or_not(bool happened)
    {
        var ground = await Ground.CreateAsync("memory");
        await using var host = await GrainHost.StartAsync(ground);
        var grant = await host.GrantAsync(Sample.Ask(1));
        await host.SettleAsync();

        Func<Orleans.Runtime.GrainId, Task> fail = static id => id.Type.ToString() == "principal" ? throw new IOException("the store does not answer") : Task.CompletedTask;
        if (happened)
            ground.Table.After = fail;
        else
            ground.Table.Before = fail;
        await Assert.ThrowsAsync<Orleans.Runtime.OrleansException>(() => host.ConsumeAsync(grant, "ex_1"));
        ground.Table.Before = ground.Table.After = static _ => Task.CompletedTask;

        var another = await host.ConsumeAsync(grant, "ex_2");
        if (happened)
            Assert.Equal("ex_1", Assert.IsType<Refusal.AlreadyUsed>(another.Refusal).LastExecution!.Id);
        else
            Assert.Equal("ex_2", another.Value!.Id);
        await host.SettleAsync();
        Assert.Single(await host.VerifiedAuditAsync(), e => Is(e, AuditTypes.GrantConsumed));
    }

    [Fact]
    public async Task Orleans_own_reminders_expire_what_nobody_touches()
    {
        await using var host = await GrainHost.StartAsync(await Ground.CreateAsync("memory") with { Clock = TimeProvider.System });
        var ask = Sample.Ask(1, Sample.Terms() with { DecideWithin = TimeSpan.FromSeconds(3) });
        await host.AskAsync(ask);
        await EventuallyAsync(async () => (await host.ReadModel.GetRequestAsync(ask.RequestId))?.Status == RequestStatus.Expired);
        await host.SettleAsync();
        Assert.Single(await host.VerifiedAuditAsync(), e => Is(e, AuditTypes.RequestExpired));
    }

    [Fact]
    public async Task Grains_are_stored_as_our_own_json_and_fields_of_later_versions_survive()
    {
        var ground = await Ground.CreateAsync("memory");
        await using (var host = await GrainHost.StartAsync(ground))
            await host.GrantAsync(Sample.Ask(1));

        var key = $"principal/{Sample.Ask(1).CallerKey}";
        var stored = JsonNode.Parse(ground.Table.Rows[key].Json)!;
        Assert.Equal(1, stored["v"]!.GetValue<int>());
        stored["later"] = "kept";
        stored["state"]!["later"] = "kept too";
        ground.Table.Rows[key] = (stored.ToJsonString(), ground.Table.Rows[key].Version);

        await using (var host = await GrainHost.StartAsync(ground))
            await host.AskAsync(Sample.Ask(2, resource: "order=43"));
        var after = JsonNode.Parse(ground.Table.Rows[key].Json)!;
        Assert.Equal("kept", after["later"]!.GetValue<string>());
        Assert.Equal("kept too", after["state"]!["later"]!.GetValue<string>());
        Assert.Equal(2, after["state"]!["asks"]!.AsObject().Count);
    }

    private static Ask AskOf(int n) => Sample.Ask(n) with { Principal = Sample.Person($"alice{n}") };

    private static bool Is(AuditEntry entry, string type) => entry.Body.Contains($"\"type\":\"{type}\"", StringComparison.Ordinal);

    /// <summary>Repeats a call that another activation was in the way of, or a silo that is gone. Every command may be repeated.</summary>
    private static async Task<T> PatientlyAsync<T>(Func<Task<T>> call)
    {
        T? answer = default;
        await EventuallyAsync(async () =>
        {
            try
            {
                answer = await call();
                return true;
            }
            catch (Exception e) when (e is Orleans.Runtime.OrleansException or NpgsqlException or TimeoutException)
            {
                return false;
            }
        });
        return answer!;
    }

    /// <summary>Waits for what a real cluster does in its own time.</summary>
    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var i = 0; i < 2_400; i++)
        {
            if (await condition())
                return;
            await timer.WaitForNextTickAsync();
        }

        Assert.Fail("it never became so");
    }
}
