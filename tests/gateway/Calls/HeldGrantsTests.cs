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
        var snapshot = Packed(loaded);
        Assert.Equal(loaded.Length, snapshot.Count);
        for (var i = 0; i < loaded.Length; i++)
        {
            Assert.Equal(Text(loaded[i].Grant with { Signature = null }), Text(snapshot[i]));
            Assert.Equal(loaded[i].UsesLeft, snapshot.UsesLeft(snapshot.SlotOf(i)));
            Assert.Equal(loaded[i].Grant.CallerKey, snapshot[i].CallerKey);
        }

        Assert.Equal(0, Packed().Count);
    }

    /// <summary>A property that grants, votes or sign-ins get later is packed too, or this says so.</summary>
    [Fact]
    public void Whatever_a_grant_can_say_is_kept()
    {
        var full = Full();
        AssertNothingIsLeftOut(full);
        AssertNothingIsLeftOut(full.Votes[0]);
        AssertNothingIsLeftOut(full.Votes[0].SignIn!);
        Assert.Equal(Text(full with { Signature = null }), Text(Packed(new ActiveGrant(full, 4))[0]));
        // As little as it can say.
        var bare = full with { Actors = [], Resource = null, PayloadDigest = null, Uses = null, Automatic = false, Votes = [], Epoch = null, Signature = null, Id = "odd", RequestId = "rq_odd" };
        Assert.Equal(Text(bare), Text(Packed(new ActiveGrant(bare, null))[0]));
        var voted = bare with { Votes = [full.Votes[0] with { SignIn = new SignIn { Acr = "a" }, Comment = null, Groups = [] }, full.Votes[0] with { SignIn = null, Decision = VoteDecision.Approve }] };
        Assert.Equal(Text(voted), Text(Packed(new ActiveGrant(voted, null))[0]));
    }

    [Fact]
    public void Texts_of_many_are_kept_once()
    {
        var memory = new GrantMemory();
        var one = Packed(memory, new ActiveGrant(Given(1), null))[0];
        var other = Packed(memory, new ActiveGrant(Given(1), null))[0];
        Assert.NotSame(Given(1).Action, Given(1).Action);
        Assert.Same(one.Action, other.Action);
        Assert.Same(one.Rule, other.Rule);
        Assert.Same(one.Votes[0].Approver.Value, other.Votes[0].Approver.Value);
        Assert.Same(one.Votes[0].Groups[0], other.Votes[0].Groups[0]);
    }

    [Fact]
    public void There_is_an_end_to_what_is_kept_once()
    {
        var memory = new GrantMemory();
        for (var i = 0; i < 30_000; i++)
        {
            if (memory.Texts.TryNumber($"text {i}", out var number))
                Assert.Equal($"text {i}", memory.Texts[number]);
        }

        Assert.True(memory.Texts.TryNumber("text 1", out _));
        Assert.False(memory.Texts.TryNumber("text 29999", out _));
        // What finds no room there is kept with its grant.
        var given = Given(1) with { Action = "text 29999", Epoch = "text 29998" };
        Assert.Equal(Text(given with { Signature = null }), Text(Packed(memory, new ActiveGrant(given, null))[0]));
    }

    [Fact]
    public void What_is_unpacked_again_and_again_is_one_object_and_never_another_views()
    {
        var memory = new GrantMemory();
        var views = Enumerable.Range(0, 3_000).Select(i => Packed(memory, [.. Enumerable.Range(0, 3).Select(n => new ActiveGrant(Given((3 * i) + n), null))])).ToArray();
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 3 * views.Length; i++)
                Assert.Equal($"gr_{i}", views[i / 3][i % 3].Id);
        }

        Assert.Same(views[7][1], views[7][1]);
    }

    [Theory]
    [InlineData("order=42", "order=42", true)]
    [InlineData("order=42", "order=43", false)]
    [InlineData("order=42", "order=4", false)]
    [InlineData("order=4", "order=42", false)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("größe=\u00fc", "größe=ü", true)]
    [InlineData("größe", "grösse", false)]
    [InlineData("größe", "größ", false)]
    [InlineData("größ", "größe", false)]
    [InlineData("\ud83d\ude00", "\ud83d\ude00", true)]
    [InlineData("\ufffd", "\ud83d", false)]
    public void Texts_are_compared_to_the_last_character(string kept, string asked, bool same)
    {
        Assert.Equal(same, PackedReader.Same(Encoding.UTF8.GetBytes(kept), asked));
        var far = string.Concat(Enumerable.Repeat("ä", 700));
        Assert.Equal(same, PackedReader.Same(Encoding.UTF8.GetBytes(far + kept), far + asked));
    }

    [Fact]
    public void Each_grant_stands_by_the_terms_that_are_asked_for()
    {
        var snapshot = Packed(new ActiveGrant(Given(0), null), new ActiveGrant(Given(1) with { Votes = [] }, null));
        var (met, more) = (Terms(1), Terms(2));
        for (var i = 0; i < 3; i++)
        {
            Assert.True(snapshot.StillStands(snapshot.SlotOf(0), met, Alice));
            Assert.False(snapshot.StillStands(snapshot.SlotOf(0), more, Alice));
            Assert.False(snapshot.StillStands(snapshot.SlotOf(1), met, Alice));
            // Who triggered a job has no vote in it, whatever another call of the same caller was answered.
            Assert.False(snapshot.StillStands(snapshot.SlotOf(0), met, Alice with { Excluded = [new PrincipalId("dev:user:bob")] }));
        }
    }

    private static Grant Full() => Given(1) with
    {
        Uses = 5,
        Automatic = true,
        NotBefore = new DateTimeOffset(2026, 3, 4, 12, 0, 0, 123, TimeSpan.FromMinutes(-210)),
        ExpiresAt = new DateTimeOffset(2026, 3, 4, 23, 0, 0, 7, TimeSpan.FromHours(14)),
        RequestId = "rq_another",
        Votes =
        [
            new RecordedVote
            {
                Approver = new PrincipalId("dev:user:größe"),
                Groups = ["dev:managers", "dev:others"],
                Decision = VoteDecision.Deny,
                Comment = "nein",
                At = Noon.ToOffset(TimeSpan.FromHours(2)),
                SignIn = new SignIn { At = Noon.AddMinutes(-5), Acr = "high", Amr = ["pwd", "otp"] },
            },
            Given(2).Votes[0],
        ],
    };

    private static void AssertNothingIsLeftOut<T>(T value)
    {
        foreach (var property in typeof(T).GetProperties(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Instance))
        {
            var said = property.GetValue(value);
            var unsaid = property.PropertyType.IsValueType ? Activator.CreateInstance(property.PropertyType) : null;
            Assert.False(Equals(said, unsaid), $"{typeof(T).Name}.{property.Name} is not in the sample");
        }
    }

    private static GrantsSnapshot Packed(params ActiveGrant[] grants) => Packed(new GrantMemory(), grants);

    private static GrantsSnapshot Packed(GrantMemory memory, params ActiveGrant[] grants) =>
        new(new GrantPacker(memory.Texts).Pack(Alice.KeyHash, grants), memory);

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
