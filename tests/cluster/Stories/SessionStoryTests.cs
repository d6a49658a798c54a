using System.Net;
using System.Text.Json.Nodes;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Stories;

/// <summary>Sessions of browsers in a cluster: begun at one silo, good at every, over at every.</summary>
[Collection("one at a time")]
public sealed class SessionStoryTests(CredentialTown town) : IClassFixture<CredentialTown>
{
    [Fact]
    public async Task A_session_is_good_at_every_silo_and_over_at_every_at_once()
    {
        await town.Whole();
        var mine = await town.SignIn(0, 1, "carol", "managers");
        Assert.All(await Both(mine), s => Assert.Equal(HttpStatusCode.OK, s));

        // A second browser of hers, ended from the first at the silo that did not begin it.
        var other = await town.SignIn(1, 0, "carol", "managers");
        Assert.All(await Both(other), s => Assert.Equal(HttpStatusCode.OK, s));
        var sessions = await Sessions(0, mine);
        Assert.Equal(2, sessions.Count);
        var id = sessions.Single(s => !s!["current"]!.GetValue<bool>())!["id"]!.GetValue<string>();
        using (var ended = await town.Browse(1, HttpMethod.Delete, $"/api/v1/me/sessions/{id}", mine))
            Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        Assert.All(await Both(other), s => Assert.Equal(HttpStatusCode.Unauthorized, s));
        Assert.All(await Both(mine), s => Assert.Equal(HttpStatusCode.OK, s));

        using (var left = await town.Browse(0, HttpMethod.Post, "/signout", mine))
            Assert.Equal(HttpStatusCode.OK, left.StatusCode);
        Assert.All(await Both(mine), s => Assert.Equal(HttpStatusCode.Unauthorized, s));
    }

    [Fact]
    public async Task No_request_finds_a_session_after_it_was_ended_however_many_race()
    {
        await town.Whole();
        for (var round = 0; round < 10; round++)
        {
            var mine = await town.SignIn(round % 2, round % 2, $"racer-{round}", "managers");
            var racing = Enumerable.Range(0, 8).Select(i => town.Me(i % 2, mine)).ToList();
            using (var left = await town.Browse(round % 2, HttpMethod.Post, "/signout", mine))
                Assert.Equal(HttpStatusCode.OK, left.StatusCode);
            Assert.All(await Both(mine), s => Assert.Equal(HttpStatusCode.Unauthorized, s));
            Assert.All(await Task.WhenAll(racing), s => Assert.Contains(s, new[] { HttpStatusCode.OK, HttpStatusCode.Unauthorized }));
        }
    }

    [Fact]
    public async Task A_session_outlives_the_silo_that_began_it_and_not_a_block()
    {
        await town.Whole();
        var mine = await town.SignIn(0, 0, "erin", "managers");
        var killed = town.Cluster.Silos[0].Process;
        await killed.Kill();
        await Until.Holds(async () => await Quietly(1, mine) == HttpStatusCode.OK, "the other silo knows the session", Town.Patience);
        await killed.Start();
        await Until.Holds(async () => await Quietly(0, mine) == HttpStatusCode.OK, "and so does the one that came back", Town.Patience);

        var blocked = await town.Ask(0, town.Dave, "PUT", "blocks/dev:user:erin", new { reason = "lost laptop" });
        Assert.True(blocked.Succeeded, blocked.Body);
        Assert.All(await Both(mine), s => Assert.Equal(HttpStatusCode.Unauthorized, s));
    }

    [Fact]
    public async Task A_session_ends_when_it_is_unused_and_when_it_is_old_whichever_silos_are_asked()
    {
        await town.Whole();
        var brief = town.Cluster.Silos[0].Process;
        await Restart("00:01:00", "00:02:00");
        try
        {
            await town.Whole();
            var from = TimeProvider.System.GetTimestamp();
            var unused = await town.SignIn(1, 0, "frank", "managers");
            var inUse = await town.SignIn(1, 0, "grace", "managers");
            var turn = 0;
            await Until.Holds(async () => await Quietly(turn++ % 2, inUse) == HttpStatusCode.Unauthorized, "the session in use is over", TimeSpan.FromMinutes(6));
            Assert.True(TimeProvider.System.GetElapsedTime(from) >= TimeSpan.FromMinutes(2), "it was over before it could be");
            Assert.All(await Both(unused), s => Assert.Equal(HttpStatusCode.Unauthorized, s));
            foreach (var because in new[] { "expired", "idle" })
            {
                await Until.Holds(
                    async () =>
                    {
                        var trail = await town.Ask(1, town.Dave, "GET", "audit?type=session.ended&limit=50");
                        return trail.Succeeded && trail.Json["items"]!.AsArray().Any(e => e!["data"]!["because"]!.GetValue<string>() == because);
                    },
                    $"that it is {because} is on record",
                    Town.Patience);
            }
        }
        finally
        {
            await Restart("00:30:00", "08:00:00");
        }

        async Task Restart(string idle, string lifetime)
        {
            brief.Set("SignIn__Idle", idle);
            brief.Set("SignIn__Lifetime", lifetime);
            await brief.Kill();
            await brief.Start();
        }
    }

    private async Task<HttpStatusCode[]> Both(string cookie) => [await town.Me(0, cookie), await town.Me(1, cookie)];

    /// <summary>Once a second at most, where one asks again and again; a silo that is away answers nothing.</summary>
    private async Task<HttpStatusCode?> Quietly(int silo, string cookie)
    {
        await Until.Passed(TimeSpan.FromSeconds(1));
        try
        {
            return await town.Me(silo, cookie);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private async Task<JsonArray> Sessions(int silo, string cookie)
    {
        using var answer = await town.Browse(silo, HttpMethod.Get, "/api/v1/me/sessions", cookie);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["items"]!.AsArray();
    }
}
