using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Silo;

/// <summary>Who is behind a call besides its subject and actors.</summary>
public sealed class BehindTheCallTests : IAsyncLifetime
{
    private SiloHost silo = null!;

    public async Task InitializeAsync() => silo = await SiloHost.StartAsync();

    public async Task DisposeAsync() => await silo.DisposeAsync();

    [Fact]
    public async Task Who_is_behind_an_ask_is_shown_and_does_not_approve_it()
    {
        var bob = new PrincipalId("dev:user:bob");
        var id = await silo.Raise(silo.AskByPolicy() with { Excluded = [bob] });
        var seen = await silo.As("carol", "GET", $"/api/v1/requests/{id}");
        Assert.Equal("dev:user:bob", seen.Json!["request"]!["excluded"]![0]!.GetValue<string>());
        // Not an approver of it, and so it is none of his business.
        Assert.Equal(404, (await silo.Vote("bob", id)).Status);
        Assert.Equal(200, (await silo.Vote("carol", id)).Status);
    }

    [Fact]
    public void Who_is_behind_a_call_makes_another_ask_of_it_but_no_other_caller()
    {
        var caller = new Caller { Principal = new PrincipalId("dev:service:deploy"), TokenIssuedAt = Sample.Start, TokenExpiresAt = Sample.Start };
        var started = caller with { Excluded = [Sample.Alice] };
        Assert.Equal(caller.Key, started.Key);
        Assert.NotEqual(caller.AskKey, started.AskKey);
        Assert.NotEqual((caller with { Actors = [Sample.Alice] }).AskKey, started.AskKey);
        Assert.Contains(Sample.Alice, started.Involved);
        Assert.False(Quorum.IsMet(
            [new Stage { Name = "any", Principals = [Sample.Alice], Quorum = 1 }],
            [new RecordedVote { Approver = Sample.Alice, Decision = VoteDecision.Approve, At = Sample.Start }],
            started.Involved));
    }
}
