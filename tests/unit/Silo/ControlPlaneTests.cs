using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Silo;

public sealed class ControlPlaneTests : IAsyncLifetime
{
    private SiloHost host = null!;

    public async Task InitializeAsync() => host = await SiloHost.StartAsync();

    public async Task DisposeAsync() => await host.DisposeAsync();

    [Fact]
    public async Task A_request_is_read_approved_and_its_grant_revoked()
    {
        var id = await host.Raise(Sample.Ask());
        var list = await host.As("bob", "GET", "/api/v1/requests?status=pending&action=orders.refund&principal=dev:user:alice");
        Assert.Equal(id, list.Json!["items"]!.AsArray().Single()!["id"]!.GetValue<string>());

        Assert.Equal(200, (await host.Vote("bob", id)).Status);
        var detail = await host.As("alice", "GET", $"/api/v1/requests/{id}");
        Assert.Equal("approved", detail.Json!["request"]!["status"]!.GetValue<string>());
        var grant = detail.Json["request"]!["grant_id"]!.GetValue<string>();

        var grants = await host.As("bob", "GET", "/api/v1/grants?status=active");
        Assert.Equal(grant, grants.Json!["items"]!.AsArray().Single()!["id"]!.GetValue<string>());
        var revoked = await host.As("bob", "DELETE", $"/api/v1/grants/{grant}", """{"reason":"enough"}""");
        Assert.Equal(200, revoked.Status);
        Assert.Equal([grant], revoked.Json!["grant_ids"]!.AsArray().Select(g => g!.GetValue<string>()));
        Assert.Equal(1, revoked.Json["gateways_acknowledged"]!.GetValue<int>());
        Assert.Equal((Sample.Alice.Value, grant), (host.Gateway.Told.Single().CallerKey, host.Gateway.Told.Single().Grants.Single()));
        Assert.Empty((await host.As("bob", "GET", "/api/v1/grants?status=active")).Json!["items"]!.AsArray());
        Assert.Equal("revoked", (await host.As("alice", "GET", "/api/v1/grants")).Json!["items"]![0]!["status"]!.GetValue<string>());

        var audit = await host.As("dave", "GET", $"/api/v1/audit?request={id}");
        var types = audit.Json!["items"]!.AsArray().Select(e => e!["type"]!.GetValue<string>()).ToHashSet(StringComparer.Ordinal);
        Assert.Superset(new HashSet<string>(["request.raised", "vote.cast", "request.approved", "grant.issued", "grant.revoked"], StringComparer.Ordinal), types);
        var verify = await host.As("dave", "GET", "/api/v1/audit/verify");
        Assert.True(verify.Json!["valid"]!.GetValue<bool>(), verify.Text);
        Assert.True(verify.Json["chains"]!.AsArray().Count >= 3);
    }

    [Fact]
    public async Task Operators_cancel_requests_and_revoke_everything_of_a_principal()
    {
        var first = await host.Raise(Sample.Ask(1, resource: "order=1"));
        var second = await host.Raise(Sample.Ask(2, resource: "order=2"));
        Assert.Equal("forbidden", (await host.As("bob", "DELETE", $"/api/v1/requests/{first}")).Problem);
        Assert.Equal("cancelled", (await host.As("olga", "DELETE", $"/api/v1/requests/{first}")).Json!["status"]!.GetValue<string>());
        await host.Vote("bob", second);
        Assert.Equal("forbidden", (await host.As("bob", "POST", "/api/v1/principals/dev:user:alice/revoke")).Problem);
        var revoked = await host.As("olga", "POST", "/api/v1/principals/dev:user:alice/revoke");
        Assert.Single(revoked.Json!["grant_ids"]!.AsArray());
        Assert.Equal(200, (await host.As("olga", "POST", "/api/v1/principals/dev:service:repo%2Fbuild/revoke", "{}")).Status);
    }

    public static TheoryData<string, string?, bool> WhoSees() => new()
    {
        { "alice", null, true },
        { "bob", null, true },
        { "carol", null, true },
        { "dave", null, true },
        { "olga", null, true },
        { "mallory", null, false },
        { "bob", "bot", false },
        { "dave", "bot", false },
        { "alice", "bot", false },
    };

    [Theory]
    [MemberData(nameof(WhoSees))]
    public async Task Whoever_may_not_see_a_request_is_told_that_there_is_none(string who, string? through, bool sees)
    {
        var id = await host.Raise(Sample.Ask());
        var token = host.Token(who, act: through);
        Assert.Equal(sees ? 1 : 0, (await host.Send(token, "GET", "/api/v1/requests")).Json!["items"]!.AsArray().Count);
        var one = await host.Send(token, "GET", $"/api/v1/requests/{id}");
        Assert.Equal(sees ? 200 : 404, one.Status);
        var vote = await host.Send(token, "POST", $"/api/v1/requests/{id}/votes", """{"decision":"approve","digest":"x"}""");
        Assert.Equal(sees ? (who is "bob" or "carol" ? "digest-mismatch" : "not-eligible") : "not-found", vote.Problem);
        if (!sees)
            Assert.Equal((await host.Send(token, "GET", $"/api/v1/requests/{Sample.RequestId(99)}")).Text, one.Text);
    }

    [Fact]
    public async Task An_agent_sees_what_it_asked_and_its_person_sees_it_too()
    {
        var ask = Sample.Ask() with { Actors = [new PrincipalId("dev:agent:bot")] };
        var id = await host.Raise(ask);
        Assert.Equal(200, (await host.Send(host.Token("alice", act: "bot"), "GET", $"/api/v1/requests/{id}")).Status);
        Assert.Equal(200, (await host.As("alice", "GET", $"/api/v1/requests/{id}")).Status);
        Assert.Equal(404, (await host.Send(host.Token("alice", act: "other"), "GET", $"/api/v1/requests/{id}")).Status);
    }

    [Fact]
    public async Task Votes_are_refused_as_the_grain_says()
    {
        var id = await host.Raise(Sample.Ask(terms: Sample.Terms(Sample.Stage(quorum: 2))));
        Assert.Equal(200, (await host.Vote("bob", id)).Status);
        Assert.Equal(200, (await host.Vote("bob", id)).Status);
        Assert.Equal((409, "already-voted"), Short(await host.Vote("bob", id, "deny")));
        Assert.Equal((403, "not-eligible"), Short(await host.Vote("alice", id)));
        Assert.Equal((403, "not-eligible"), Short(await host.Send(host.Token("alice", ["managers"]), "POST", $"/api/v1/requests/{id}/votes", $$"""{"decision":"approve","digest":"{{await Digest(id)}}"}""")));
        Assert.Equal(200, (await host.Vote("carol", id, "deny")).Status);
        Assert.Equal((409, "already-decided"), Short(await host.Vote("erin", id) is { Status: 404 } ? await host.Send(host.Token("erin", ["managers"]), "POST", $"/api/v1/requests/{id}/votes", $$"""{"decision":"approve","digest":"{{await Digest(id)}}"}""") : throw new InvalidOperationException()));
    }

    [Fact]
    public async Task A_request_past_its_deadline_shows_as_expired_although_no_reminder_fired()
    {
        var id = await host.Raise(Sample.Ask());
        host.Time.Step(TimeSpan.FromMinutes(31));
        Assert.Equal("expired", (await host.As("bob", "GET", $"/api/v1/requests/{id}")).Json!["request"]!["status"]!.GetValue<string>());
        Assert.Empty((await host.As("bob", "GET", "/api/v1/requests?status=pending")).Json!["items"]!.AsArray());
    }

    [Fact]
    public async Task Lists_go_on_where_a_page_ended_and_leave_out_what_the_caller_may_not_see()
    {
        for (var i = 1; i <= 12; i++)
            await host.Raise(Sample.Ask(i, i % 3 == 0 ? Sample.Terms(Sample.Stage(groups: [Sample.Security])) : null, $"order={i}"));
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await host.As("bob", "GET", $"/api/v1/requests?limit=3{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}");
            seen.AddRange(page.Json!["items"]!.AsArray().Select(i => i!["id"]!.GetValue<string>()));
            cursor = page.Json["next_cursor"]?.GetValue<string>();
        }
        while (cursor is not null);
        Assert.Equal(Enumerable.Range(1, 12).Where(i => i % 3 != 0).Select(Sample.RequestId).ToHashSet(StringComparer.Ordinal), seen.ToHashSet(StringComparer.Ordinal));
        Assert.Equal(8, seen.Count);
    }

    [Theory]
    [InlineData("alice", 403)]
    [InlineData("bob", 403)]
    [InlineData("dave", 200)]
    [InlineData("olga", 200)]
    public async Task The_audit_trail_is_for_auditors_and_operators(string who, int status)
    {
        Assert.Equal(status, (await host.As(who, "GET", "/api/v1/audit")).Status);
        Assert.Equal(status, (await host.As(who, "GET", "/api/v1/audit/verify")).Status);
    }

    [Fact]
    public async Task Audit_entries_are_found_by_person_and_show_whom_they_mean()
    {
        await host.Raise(Sample.Ask());
        var answer = await host.As("dave", "GET", "/api/v1/audit?principal=dev:user:alice&type=request.raised&from=2029-01-01T00:00:00Z");
        var entry = answer.Json!["items"]!.AsArray().Single()!;
        Assert.Contains("dev:user:alice", entry["personal"]!.AsObject().Select(p => p.Value!.GetValue<string>()));
        Assert.DoesNotContain("alice", entry["data"]!.ToJsonString(), StringComparison.Ordinal);
        Assert.Empty((await host.As("dave", "GET", "/api/v1/audit?principal=dev:user:bob")).Json!["items"]!.AsArray());
    }

    [Fact]
    public async Task Without_a_good_token_there_is_nothing()
    {
        var none = await host.Send(null, "GET", "/api/v1/requests");
        Assert.Equal((401, "unauthenticated"), Short(none));
        Assert.Equal("Bearer realm=\"jitgrains\"", none.Challenge);
        var bad = await host.Send("a.b.c", "GET", "/api/v1/requests");
        Assert.Equal((401, "unauthenticated"), Short(bad));
        Assert.Contains("invalid_token", bad.Challenge, StringComparison.Ordinal);
        host.Issuer.Down = true;
        Assert.Equal((503, "unavailable"), Short(await host.As("alice", "GET", "/api/v1/requests")));
    }

    [Fact]
    public async Task The_policy_shows_its_files_to_those_who_run_things()
    {
        var bob = await host.As("bob", "GET", "/api/v1/policy");
        Assert.Equal("active", bob.Json!["status"]!.GetValue<string>());
        Assert.Null(bob.Json["files"]);
        Assert.Single((await host.As("olga", "GET", "/api/v1/policy")).Json!["files"]!.AsArray());
    }

    [Fact]
    public async Task A_call_is_explained_to_whoever_would_make_it_and_to_those_who_run_things()
    {
        const string Refund = """{"method":"POST","url":"http://gateway/orders/42/refunds","principal":"dev:user:alice","body":{"amount":10}}""";
        var own = await host.As("alice", "POST", "/api/v1/explain", Refund);
        Assert.Equal(("approve", "refunds"), (own.Json!["decision"]!.GetValue<string>(), own.Json["rule"]!.GetValue<string>()));
        Assert.Equal((403, "forbidden"), Short(await host.As("bob", "POST", "/api/v1/explain", Refund)));
        Assert.Equal("deny", (await host.As("olga", "POST", "/api/v1/explain", Refund)).Json!["decision"]!.GetValue<string>());
        var other = Refund.Replace("\"body\"", "\"groups\":[\"dev:engineering\"],\"body\"", StringComparison.Ordinal);
        Assert.Equal("approve", (await host.As("olga", "POST", "/api/v1/explain", other)).Json!["decision"]!.GetValue<string>());
        Assert.Equal("forbidden", (await host.As("alice", "POST", "/api/v1/explain", other.Replace("dev:engineering", "dev:managers", StringComparison.Ordinal))).Problem);
    }

    [Fact]
    public async Task A_request_its_grant_and_its_votes_are_explained()
    {
        var id = await host.Raise(Sample.Ask());
        await host.Vote("bob", id);
        foreach (var name in new[] { id, "gr_" + id[3..] })
        {
            var answer = await host.As("alice", "GET", $"/api/v1/explain/{name}");
            Assert.Equal("refunds", answer.Json!["rule"]!.GetValue<string>());
            Assert.Contains("dev:user:bob approved", answer.Json["detail"]!.GetValue<string>(), StringComparison.Ordinal);
            Assert.Equal(404, (await host.As("mallory", "GET", $"/api/v1/explain/{name}")).Status);
        }
    }

    private static (int, string?) Short(SiloHost.Answer answer) => (answer.Status, answer.Problem);

    private async Task<string> Digest(string id) => (await host.As("olga", "GET", $"/api/v1/requests/{id}")).Json!["request"]!["digest"]!.GetValue<string>();
}
