using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.Silo.Keys;

namespace JitGrains.UnitTests.Silo;

public sealed class ApiKeysMachineTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly PrincipalId Alice = new("dev:user:alice");
    private static readonly PrincipalId Bob = new("dev:user:bob");
    private readonly ApiKeysMachine machine = new();

    private static CreateApiKey Create(string name, string command = "cm_1", string hash = "h", int days = 30) =>
        new(command, name, hash, Alice, Bob, TimeSpan.FromDays(days), ["importers"], new ApiKeyScope(["orders"], ["orders.read"]), null);

    private ApiKeysState With(ApiKeysState state, params IEnumerable<ApiKeysEvent> events) => events.Aggregate(state, machine.Apply);

    [Fact]
    public void A_key_is_created_once_ends_by_itself_and_its_name_rests_for_a_while()
    {
        var created = ApiKeysMachine.Decide(new ApiKeysState(), Create("billing"), Now);
        var state = With(new ApiKeysState(), created.Events);
        Assert.Equal(Now.AddDays(30), created.Reply.Value!.ExpiresAt);
        Assert.Equal("keys:key:billing", created.Reply.Value.Principal.Value);
        Assert.Empty(ApiKeysMachine.Decide(state, Create("billing"), Now).Events);
        Assert.Equal(created.Reply.Value, ApiKeysMachine.Decide(state, Create("billing"), Now).Reply.Value);
        Assert.IsType<Refusal.CommandReused>(ApiKeysMachine.Decide(state, Create("billing", hash: "other"), Now).Reply.Refusal);
        Assert.IsType<Refusal.NameTaken>(ApiKeysMachine.Decide(state, Create("billing", "cm_2"), Now.AddDays(100)).Reply.Refusal);
        Assert.Equal(Now + ApiKeysMachine.LongestLife, ApiKeysMachine.Decide(state, Create("long", "cm_3", days: 9999), Now).Reply.Value!.ExpiresAt);

        var due = machine.NextDue(state)!.Value;
        Assert.Equal(Now.AddDays(120), due);
        Assert.Empty(machine.Tick(state, due.AddTicks(-1)));
        Assert.Empty(With(state, machine.Tick(state, due)).Keys);
    }

    [Fact]
    public void A_revoked_key_stays_so_and_entries_say_who_did_what_without_the_hash()
    {
        var state = With(new ApiKeysState(), ApiKeysMachine.Decide(new ApiKeysState(), Create("billing", hash: "the-hash"), Now).Events);
        Assert.IsType<Refusal.NotFound>(ApiKeysMachine.Decide(state, new RevokeApiKey("cm_2", "other", Bob, null), Now).Reply.Refusal);
        var revoked = ApiKeysMachine.Decide(state, new RevokeApiKey("cm_2", "billing", Bob, "leaked"), Now.AddDays(1));
        var entry = Assert.Single(machine.Audit(state, Assert.Single(revoked.Events)));
        Assert.Equal("key.revoked", entry.Type);
        Assert.Equal(["key=billing", "owner=dev:user:alice", "by=dev:user:bob", "reason=leaked"], entry.Fields.Select(f => $"{f.Name}={f.Value}"));
        state = With(state, revoked.Events);
        var again = ApiKeysMachine.Decide(state, new RevokeApiKey("cm_3", "billing", Alice, null), Now.AddDays(2));
        Assert.Empty(again.Events);
        Assert.Equal((Now.AddDays(1), Bob), (again.Reply.Value!.RevokedAt, again.Reply.Value.RevokedBy));
        var creation = Assert.Single(machine.Audit(new ApiKeysState(), new ApiKeysEvent.Created("cm_1", state.Keys["billing"])));
        Assert.DoesNotContain(creation.Fields, f => f.Value.Contains("the-hash", StringComparison.Ordinal));
    }

    [Fact]
    public void There_is_a_most()
    {
        var state = new ApiKeysState();
        for (var i = 0; i < ApiKeysMachine.MaxKeys; i++)
            state = With(state, ApiKeysMachine.Decide(state, Create($"k{i}", $"cm_{i}"), Now).Events);
        Assert.IsType<Refusal.TooManyEntries>(ApiKeysMachine.Decide(state, Create("more", "cm_more"), Now).Reply.Refusal);
        Assert.Equal(ApiKeysMachine.Remembered, state.Recent.Length);
    }

    [Fact]
    public void The_last_use_only_moves_on_and_is_bounded()
    {
        var uses = new ApiKeyUsesMachine();
        var state = new ApiKeyUsesState();
        foreach (var minutes in (int[])[5, 3, 9])
        {
            foreach (var happened in ApiKeyUsesMachine.Decide(state, new NoteKeyUses([new KeyUse("billing", Now.AddMinutes(minutes))])).Events)
                state = uses.Apply(state, happened);
        }

        Assert.Equal(Now.AddMinutes(9), state.Last["billing"]);
        state = uses.Apply(state, new KeyUsesNoted([.. Enumerable.Range(0, ApiKeyUsesMachine.Most).Select(i => new KeyUse($"k{i}", Now.AddHours(1)))]));
        Assert.Equal(ApiKeyUsesMachine.Most, state.Last.Count);
        Assert.False(state.Last.ContainsKey("billing"));
    }

    [Theory]
    [InlineData("billing", "billing")]
    [InlineData("a_b.c-d", "a_b.c-d")]
    public void Texts_name_their_key(string name, string expected)
    {
        var text = ApiKeyText.Make(name);
        Assert.Equal(expected, ApiKeyText.NameOf(text));
        Assert.NotEqual(text, ApiKeyText.Make(name));
        Assert.Null(ApiKeyText.NameOf(text.AsSpan(0, text.Length - name.Length)));
        Assert.Null(ApiKeyText.NameOf("jitk_short_name"));
        Assert.Null(ApiKeyText.NameOf(text + " "));
        Assert.Null(ApiKeyText.NameOf("x" + text));
        Assert.Equal(43, ApiKeyText.HashOf(text).Length);
    }
}
