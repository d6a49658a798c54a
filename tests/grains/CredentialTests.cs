using System.Collections.Immutable;
using JitGrains.Assertions;
using JitGrains.Audit;
using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.Sessions;

namespace JitGrains.GrainTests;

/// <summary>What people and programs show who they are by, on every engine and store: sessions, API keys, and the keys of assertions.</summary>
public sealed class CredentialTests
{
    private const int Rounds = 100;
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(8);
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static TheoryData<string> Stores => GrainTests.Stores.All;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_session_lives_until_it_is_unused_for_too_long_too_old_or_ended(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var alice = host.Grain<ISessionsGrain>(Sample.Alice.Value);
        var used = (await alice.Open(Open("ss_used", "h1"))).Value!;
        Assert.Equal((host.Time.GetUtcNow(), host.Time.GetUtcNow() + Lifetime), (used.OpenedAt, used.ExpiresAt));
        // The same again is the same.
        Assert.Equal((used.Id, used.OpenedAt), ((await alice.Open(Open("ss_used", "h1"))).Value!.Id, host.Time.GetUtcNow()));
        await alice.Open(Open("ss_idle", "h2"));
        await alice.Open(Open("ss_ended", "h3"));
        Assert.Equal(3, (await alice.List()).Items.Length);
        Assert.Empty((await host.Grain<ISessionsGrain>(Sample.Bob.Value).List()).Items);
        Assert.IsType<Refusal.NotFound>((await host.Grain<ISessionsGrain>(Sample.Bob.Value).Use("h1")).Refusal);

        await alice.End(new EndSession("ss_ended", SessionEnds.SignedOut));
        Assert.IsType<Refusal.NotFound>((await alice.Use("h3")).Refusal);
        for (var at = Idle - TimeSpan.FromMinutes(1); at < Lifetime; at += Idle - TimeSpan.FromMinutes(1))
        {
            host.Time.Advance(Idle - TimeSpan.FromMinutes(1));
            Assert.Equal("ss_used", (await alice.Use("h1")).Value?.Id);
        }

        Assert.IsType<Refusal.NotFound>((await alice.Use("h2")).Refusal);
        host.Time.Advance(Idle - TimeSpan.FromMinutes(1));
        Assert.IsType<Refusal.NotFound>((await alice.Use("h1")).Refusal);
        Assert.Empty((await alice.List()).Items);
        await host.SettleAsync();
        var audit = await host.VerifiedAuditAsync();
        Assert.Equal(3, audit.Count(e => Is(e, AuditTypes.SessionOpened)));
        foreach (var (session, because) in new[] { ("ss_ended", SessionEnds.SignedOut), ("ss_idle", SessionEnds.Idle), ("ss_used", SessionEnds.Expired) })
            Assert.Single(audit, e => Is(e, AuditTypes.SessionEnded) && Says(e, "session", session) && Says(e, "because", because));
        Assert.DoesNotContain(audit, e => e.Body.Contains("\"h1\"", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_session_that_was_ended_is_used_by_nobody_who_comes_after(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await Parallel.ForEachAsync(Enumerable.Range(0, Rounds), async (n, _) =>
        {
            var sessions = host.Grain<ISessionsGrain>(Sample.Person($"person-{n}").Value);
            await sessions.Open(Open("ss_1", "h1", $"person-{n}"));
            var uses = Enumerable.Range(0, 4).Select(_ => Task.Run(() => sessions.Use("h1"))).ToList();
            await Task.WhenAll(Task.Run(() => sessions.End(new EndSession("ss_1", SessionEnds.Revoked))), Task.Run(() => sessions.End(new EndSession("ss_1", SessionEnds.SignedOut))));
            Assert.IsType<Refusal.NotFound>((await sessions.Use("h1")).Refusal);
            await Task.WhenAll(uses);
            Assert.IsType<Refusal.NotFound>((await sessions.Use("h1")).Refusal);
        });
        await host.SettleAsync();
        Assert.Equal(Rounds, (await host.VerifiedAuditAsync()).Count(e => Is(e, AuditTypes.SessionEnded)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Of_two_keys_of_one_name_there_is_one_and_a_revoked_one_stays_so(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var keys = host.Grain<IApiKeysGrain>(IApiKeysGrain.Key);
        await Parallel.ForEachAsync(Enumerable.Range(0, Rounds), async (n, _) =>
        {
            var made = await Task.WhenAll(Enumerable.Range(0, 3).Select(i => Task.Run(() => keys.Create(Create($"cmd-{n}-{i}", $"key-{n}", $"hash-{n}-{i}")))));
            Assert.Equal(2, made.Count(r => r.Refusal is Refusal.NameTaken));
            var one = made.Single(r => r.Value is not null).Value!;
            var revoked = await Task.WhenAll(Enumerable.Range(0, 2).Select(i => Task.Run(() => keys.Revoke(new RevokeApiKey($"end-{n}-{i}", one.Name, Sample.Bob, "leaked")))));
            Assert.All(revoked, r => Assert.NotNull(r.Value!.RevokedAt));
            Assert.Equal((one.Hash, true), ((await keys.Find(one.Name)).Value!.Hash, (await keys.Find(one.Name)).Value!.RevokedAt is not null));
        });
        Assert.Equal(Rounds, (await keys.List()).Keys.Length);
        Assert.IsType<Refusal.NotFound>((await keys.Revoke(new RevokeApiKey("none", "none", Sample.Bob, null))).Refusal);
        await host.SettleAsync();
        var audit = await host.VerifiedAuditAsync();
        Assert.Equal((Rounds, Rounds), (audit.Count(e => Is(e, AuditTypes.KeyCreated)), audit.Count(e => Is(e, AuditTypes.KeyRevoked))));
        Assert.DoesNotContain(audit, e => e.Body.Contains("hash-", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_keys_name_is_taken_until_it_has_been_over_for_long_and_its_last_use_is_the_latest(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var keys = host.Grain<IApiKeysGrain>(IApiKeysGrain.Key);
        var key = (await keys.Create(Create("first", "billing", "hash-1"))).Value!;
        // Whose answer was lost asks again, with the same secret or not at all.
        Assert.Equal((key.Hash, key.ExpiresAt), (await keys.Create(Create("first", "billing", "hash-1"))).Value is { } again ? (again.Hash, again.ExpiresAt) : default);
        Assert.IsType<Refusal.CommandReused>((await keys.Create(Create("first", "billing", "hash-2"))).Refusal);

        var uses = host.Grain<IApiKeyUsesGrain>(IApiKeyUsesGrain.Key);
        var now = host.Time.GetUtcNow();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => uses.Note(new NoteKeyUses([new KeyUse("billing", now + TimeSpan.FromSeconds(i * 7 % 20))])))));
        Assert.Equal(now + TimeSpan.FromSeconds(19), Assert.Single((await uses.List()).Uses).At);

        host.Time.Advance(key.ExpiresAt - now + ApiKeysMachine.Keep - TimeSpan.FromMinutes(1));
        Assert.IsType<Refusal.NameTaken>((await keys.Create(Create("second", "billing", "hash-2"))).Refusal);
        host.Time.Advance(TimeSpan.FromMinutes(2));
        await host.RemindAsync(keys);
        var from = TimeProvider.System.GetTimestamp();
        while ((await keys.List()).Keys.Length > 0)
            Assert.True(TimeProvider.System.GetElapsedTime(from) < Patience, "the key is remembered for ever");
        Assert.Equal("hash-2", (await keys.Create(Create("third", "billing", "hash-2"))).Value?.Hash);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Of_the_keys_that_gateways_offer_at_once_one_is_taken_and_on_record(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var rotation = TimeSpan.FromHours(24);
        for (var n = 0; n < 10; n++)
        {
            var grain = host.Grain<IAssertionKeysGrain>(IAssertionKeysGrain.Key);
            var offers = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => grain.Offer(new OfferAssertionKey($"k-{n}-{i}", "x", "y", $"sealed-{n}-{i}", rotation)))));
            Assert.Single(offers.Select(o => o.Value!.Keys[^1].KeyId).Distinct(StringComparer.Ordinal));
            Assert.StartsWith($"k-{n}-", (await grain.Get()).Keys[^1].KeyId, StringComparison.Ordinal);
            host.Time.Advance(rotation);
        }

        await host.SettleAsync();
        var audit = await host.VerifiedAuditAsync();
        Assert.Equal(10, audit.Count(e => Is(e, AuditTypes.AssertionKeyTaken)));
        Assert.DoesNotContain(audit, e => e.Body.Contains("sealed-", StringComparison.Ordinal));
    }

    private static OpenSession Open(string id, string hash, string person = "alice") => new(
        new Session
        {
            Id = id,
            SecretHash = hash,
            Principal = Sample.Person(person),
            Groups = ["dev:managers"],
            ExpiresAt = default,
            Idle = Idle,
            TokenIssuedAt = Sample.Start,
        },
        Lifetime);

    private static CreateApiKey Create(string command, string name, string hash) => new(
        command, name, hash, Sample.Alice, Sample.Bob, TimeSpan.FromDays(30), ["importers"], new ApiKeyScope(["orders"], ImmutableArray<string>.Empty), null);

    private static bool Is(AuditEntry entry, string type) => Says(entry, "type", type);

    private static bool Says(AuditEntry entry, string name, string value) => entry.Body.Contains($"\"{name}\":\"{value}\"", StringComparison.Ordinal);
}
