using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Stories;

/// <summary>
/// What a gateway, silos and revocation are to each other as processes, one thing at a time; the same on each engine. What
/// holds of it under load and under every fault is for the fault tests.
/// </summary>
[Collection("one at a time")]
public sealed class StoryTests(Town town) : IClassFixture<Town>
{
    [Fact]
    public async Task A_call_held_at_a_gateway_runs_once_a_silo_has_the_vote()
    {
        await town.Whole();
        for (var silo = 0; silo < 2; silo++)
        {
            var (alice, order) = town.Newcomer();
            var held = town.Call(silo, alice, "POST", $"/orders/{order}/refund", wait: 50);
            await town.Approve(1 - silo, order);
            var answer = await held;
            Assert.True(answer.Succeeded, $"{answer.Status} {answer.Body}{answer.Because}");
            Assert.Equal(1, town.Arrived(order));

            // For one use, wherever it is tried.
            Assert.Equal("approval-required", (await town.Call(1 - silo, alice, "POST", $"/orders/{order}/refund")).Problem);
            Assert.Equal(1, town.Arrived(order));
        }
    }

    [Fact]
    public async Task A_request_taken_back_at_one_gateway_ends_the_wait_at_the_other()
    {
        await town.Whole();
        var (alice, order) = town.Newcomer();
        var asked = await town.Call(0, alice, "POST", $"/orders/{order}/refund");
        var held = town.Call(0, alice, "POST", $"/orders/{order}/refund", wait: 50);
        var cancelled = await town.Client.Send("DELETE", new Uri(town.Cluster.Gateways[1].Process.Gateway, $"/.jit/requests/{asked.Request}"), alice.Token);
        Assert.True(cancelled.Succeeded, cancelled.Body);
        Assert.Equal("cancelled", cancelled.Json["status"]!.GetValue<string>());
        Assert.Equal("request-cancelled", (await held).Problem);
        Assert.Equal(0, town.Arrived(order));
    }

    [Fact]
    public async Task A_policy_is_in_force_at_every_gateway_once_it_is_applied()
    {
        await town.Whole();
        // What managers may approve is denied, and then again for managers to approve; each applied at another silo.
        const string Deny = "rules:\n  - {name: nobody, who: {groups: [engineering]}, actions: {names: [orders.refund]}, effect: deny}\n";
        foreach (var (silo, policy, expected) in new[] { (0, town.Policy.Replace("rules:\n", Deny, StringComparison.Ordinal), "denied"), (1, town.Policy, "approval-required") })
        {
            var applied = await town.Ask(silo, town.Dave, "PUT", "policy", new { files = new Dictionary<string, string>(StringComparer.Ordinal) { ["policy.yaml"] = policy } });
            Assert.True(applied.Succeeded, applied.Body);
            Assert.Equal(2, applied.Json["gateways_acknowledged"]!.GetValue<int>() + applied.Json["gateways_condemned"]!.GetValue<int>());
            for (var gateway = 0; gateway < 2; gateway++)
            {
                var (alice, order) = town.Newcomer();
                Answer decided;
                // Whoever was waited out decides nothing until it has a lease again.
                do
                    decided = await town.Call(gateway, alice, "POST", $"/orders/{order}/refund");
                while (decided.Status == 503);
                Assert.Equal(expected, decided.Problem);
            }
        }
    }

    [Fact]
    public async Task A_revocation_is_acknowledged_by_every_gateway_and_the_next_use_is_refused()
    {
        await town.Whole();
        for (var silo = 0; silo < 2; silo++)
        {
            var (alice, order) = town.Newcomer();
            var grant = await town.Window(alice, order);
            var arrived = town.Arrived(order);

            var revoked = await town.Ask(silo, town.Dave, "DELETE", $"grants/{grant}", new { reason = "that will do" });

            Assert.True(revoked.Succeeded, revoked.Body);
            // On a busy machine one may be waited out, and no more is promised.
            Assert.Equal(2, revoked.Json["gateways_acknowledged"]!.GetValue<int>() + revoked.Json["gateways_condemned"]!.GetValue<int>());
            for (var gateway = 0; gateway < 2; gateway++)
            {
                var at = gateway;
                await Until.Holds(
                    async () =>
                    {
                        var refused = await town.Call(at, alice, "DELETE", $"/orders/{order}/purge");
                        Assert.False(refused.Succeeded);
                        return refused.Problem == "approval-required";
                    },
                    "it is refused for want of a grant");
            }

            Assert.Equal(arrived, town.Arrived(order));
        }
    }

    [Fact]
    public async Task Gateways_go_on_when_a_silo_is_killed_in_the_middle()
    {
        for (var silo = 0; silo < 2; silo++)
        {
            await town.Whole();
            var ((alice, order), (carol, other)) = (town.Newcomer(), town.Newcomer());
            await town.Window(alice, order);
            var held = town.Call(0, carol, "POST", $"/orders/{other}/refund", wait: 50);
            await Until.Holds(async () => (await town.Ask(1 - silo, town.Bob, "GET", "requests?status=pending&limit=50")).Body.Contains($"order={other}", StringComparison.Ordinal));

            var killed = town.Cluster.Silos[silo].Process;
            await killed.Kill();

            // The other one takes the vote, and whoever was held gets through, at the latest by calling again; also by asking
            // again, where nobody knows whether the use was taken when its grain's silo went.
            await town.Approve(1 - silo, other);
            var answer = await held;
            await Until.Holds(
                async () =>
                {
                    if (answer.Succeeded)
                        return true;
                    if (answer.Problem == "approval-required")
                        await town.Approve(1 - silo, other);
                    answer = await town.Call(1, carol, "POST", $"/orders/{other}/refund", wait: 5);
                    return answer.Succeeded;
                },
                "what was approved runs",
                Town.Patience);
            Assert.Equal(1, town.Arrived(other));
            await Until.Holds(async () => (await town.Call(1, alice, "DELETE", $"/orders/{order}/purge")).Succeeded, "what was granted before goes on", Town.Patience);

            await killed.Start();
        }
    }

    [Fact]
    public async Task Gateways_answer_each_silo_by_a_line_and_a_silo_that_was_killed_by_another()
    {
        await town.Whole();
        for (var silo = 0; silo < 2; silo++)
        {
            var (at, process) = (silo, town.Cluster.Silos[silo].Process);
            var before = town.Cluster.Gateways.Select(Lines).ToList();
            await process.Kill();
            await process.Start();
            await Until.Holds(
                async () =>
                {
                    // Who has no grants: gateways are told all the same.
                    var (alice, _) = town.Newcomer();
                    var revoked = await town.Ask(at, town.Dave, "POST", $"principals/{Uri.EscapeDataString(alice.Principal)}/revoke", new { reason = "leaves" });
                    Assert.True(revoked.Succeeded, revoked.Body);
                    return town.Cluster.Gateways.Select(Lines).Zip(before).All(t => t.First > t.Second);
                },
                "every gateway has a line to it",
                Town.Patience);

            int Lines(Member gateway) => gateway.Process.Output.Split($"acknowledged to {process.Control.AbsoluteUri}").Length - 1;
        }
    }

    [Fact]
    public async Task A_gateway_that_does_not_answer_is_condemned_and_waited_out()
    {
        await town.Whole();
        var (alice, order) = town.Newcomer();
        var grant = await town.Window(alice, order);
        var arrived = town.Arrived(order);
        var silent = town.Cluster.Gateways[1].Process;
        await silent.Suspend();
        try
        {
            var revoked = await town.Ask(0, town.Dave, "DELETE", $"grants/{grant}", new { reason = "that will do" });
            Assert.True(revoked.Succeeded, revoked.Body);
            Assert.Equal(2, revoked.Json["gateways_acknowledged"]!.GetValue<int>() + revoked.Json["gateways_condemned"]!.GetValue<int>());
            Assert.True(revoked.Json["gateways_condemned"]!.GetValue<int>() >= 1, "a suspended process has acknowledged something");
        }
        finally
        {
            silent.Resume();
        }

        // Nothing from its old view; then, under another lease, it knows.
        await Until.Holds(
            async () =>
            {
                var refused = await town.Call(1, alice, "DELETE", $"/orders/{order}/purge");
                Assert.False(refused.Succeeded);
                return refused.Problem == "approval-required";
            },
            "it is refused for want of a grant");
        Assert.Equal(arrived, town.Arrived(order));
    }
}
