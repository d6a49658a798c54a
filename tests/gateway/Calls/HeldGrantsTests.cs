using System.Collections.Immutable;
using System.Text;
using JitGrains.Approvals;
using JitGrains.Gateway.Grants;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Json;
using JitGrains.Principals;
using Xunit;

namespace JitGrains.GatewayTests.Calls;

/// <summary>What a gateway keeps of grants: all that they say, and what many of them say once.</summary>
public class HeldGrantsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);
    private static readonly Caller Alice = new() { Principal = new PrincipalId("dev:user:alice"), Actors = [new PrincipalId("dev:agent:bot")], TokenIssuedAt = Noon, TokenExpiresAt = Noon.AddHours(1) };

    [Fact]
    public void What_is_kept_says_all_that_was_loaded_but_for_the_signature()
    {
        var loaded = Enumerable.Range(0, 5).Select(i => new ActiveGrant(Given(i), i == 2 ? 3 : null)).ToArray();
        var snapshot = new GrantsSnapshot(loaded, new SharedTexts());
        Assert.Equal(loaded.Length, snapshot.Held.Length);
        foreach (var (given, held) in loaded.Zip(snapshot.Held))
        {
            Assert.Equal(Text(given.Grant with { Signature = null }), Text(held.Grant));
            Assert.Equal(given.UsesLeft, held.UsesLeft);
            Assert.Equal(given.Grant.Action, held.Action);
        }
    }

    [Fact]
    public void Texts_of_many_are_kept_once()
    {
        var texts = new SharedTexts();
        var one = new GrantsSnapshot([new ActiveGrant(Given(1), null)], texts).Held[0].Grant;
        var other = new GrantsSnapshot([new ActiveGrant(Given(1), null)], texts).Held[0].Grant;
        Assert.NotSame(Given(1).Action, Given(1).Action);
        Assert.Same(one.Action, other.Action);
        Assert.Same(one.Rule, other.Rule);
        Assert.Same(one.Votes[0].Approver.Value, other.Votes[0].Approver.Value);
        Assert.Same(one.Votes[0].Groups[0], other.Votes[0].Groups[0]);
    }

    [Fact]
    public void There_is_an_end_to_what_is_kept_once()
    {
        var texts = new SharedTexts();
        for (var i = 0; i < 30_000; i++)
            Assert.Equal($"text {i}", texts.Of($"text {i}"));
        Assert.Same(texts.Of(Fresh("text 1")), texts.Of(Fresh("text 1")));
        Assert.NotSame(texts.Of(Fresh("text 29999")), texts.Of(Fresh("text 29999")));
    }

    [Fact]
    public void Each_grant_stands_by_the_terms_that_are_asked_for()
    {
        var snapshot = new GrantsSnapshot([new ActiveGrant(Given(0), null), new ActiveGrant(Given(1) with { Votes = [] }, null)], new SharedTexts());
        var (met, more) = (Terms(1), Terms(2));
        for (var i = 0; i < 3; i++)
        {
            Assert.True(snapshot.StillStands(0, met, Alice));
            Assert.False(snapshot.StillStands(0, more, Alice));
            Assert.False(snapshot.StillStands(1, met, Alice));
            // Who triggered a job has no vote in it, whatever another call of the same caller was answered.
            Assert.False(snapshot.StillStands(0, met, Alice with { Excluded = [new PrincipalId("dev:user:bob")] }));
        }
    }

    private static ApprovalTerms Terms(int quorum) => new()
    {
        Rule = "r",
        PolicyVersion = "v",
        Stages = [new Stage { Name = "s", Groups = ["dev:managers"], Quorum = quorum }],
        MaxWindow = TimeSpan.FromHours(1),
        DefaultWindow = TimeSpan.FromHours(1),
        DecideWithin = TimeSpan.FromHours(1),
        DenialCooldown = TimeSpan.FromMinutes(10),
    };

    /// <summary>Each text an object of its own, as a serializer makes them.</summary>
    private static Grant Given(int i) => new()
    {
        Id = Fresh($"gr_{i}"),
        RequestId = Fresh($"rq_{i}"),
        Principal = new PrincipalId(Fresh("dev:user:alice")),
        Actors = [new PrincipalId(Fresh("dev:agent:bot"))],
        Api = Fresh("orders"),
        Action = Fresh($"orders.a{i}"),
        Binding = BindingKind.Payload,
        Resource = Fresh($"order={i}"),
        PayloadDigest = Fresh("digest"),
        NotBefore = Noon,
        ExpiresAt = Noon.AddHours(1),
        Uses = i == 2 ? 5 : null,
        Rule = Fresh("rule"),
        PolicyVersion = Fresh("sha256-0"),
        Automatic = i == 3,
        Votes = [new RecordedVote { Approver = new PrincipalId(Fresh("dev:user:bob")), Groups = [.. Enumerable.Repeat(Fresh("dev:managers"), (i % 2) + 1)], Decision = VoteDecision.Approve, Comment = "yes", At = Noon }],
        Epoch = Fresh("e1"),
        Signature = Fresh("kid.signature"),
    };

    private static string Fresh(string text) => new(text.AsSpan());

    private static string Text(Grant grant) => Encoding.UTF8.GetString(CanonicalJson.Serialize(grant));
}
