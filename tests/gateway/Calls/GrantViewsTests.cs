using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Hosting;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Principals;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Views of grants that change all the while: nobody gets what was before a change that they could know of.</summary>
public class GrantViewsTests
{
    private const int Callers = 24;
    private const int Changes = 2_000;

    [Theory]
    [InlineData(100)]
    [InlineData(8)]
    public async Task Whoever_looks_after_a_change_sees_it_and_what_was_taken_before_says_so(int mostViews)
    {
        using var store = new GrantStore(new GatewayOptions { MaxViews = mostViews });
        var callers = Enumerable.Range(0, Callers).Select(CallerOf).ToArray();
        var numbers = callers.Select((c, i) => (c.Key, i)).ToDictionary(c => c.Key, c => c.i);
        // Signed ahead: one for each caller and version that comes round.
        var grants = callers.Select(c => Enumerable.Range(0, 6).Select(v => new ActiveGrant(store.Signer.Sign(GrantOf(c, v)), null)).ToArray()).ToArray();
        var (written, told) = (new int[Callers], new int[Callers]);
        store.Read = async key =>
        {
            var i = numbers[key];
            if (Random.Shared.Next(3) == 0)
                await Task.Yield();
            var version = Volatile.Read(ref written[i]);
            if (Random.Shared.Next(3) == 0)
                await Task.Yield();
            return new PrincipalView(version, [grants[i][version % 6]]);
        };

        var done = false;
        var reading = Enumerable.Range(0, 3).Select(seed => Task.Run(async () =>
        {
            var (random, looks) = (new Random(seed), 0);
            var before = new (GrantsSnapshot Snapshot, int Known, int Caller)[16];
            while (!Volatile.Read(ref done) || looks < 2_000)
            {
                var i = random.Next(Callers);
                var atLeast = Volatile.Read(ref told[i]);
                GrantsSnapshot snapshot;
                try
                {
                    snapshot = await store.Views.Get(callers[i]);
                }
                catch (TimeoutException)
                {
                    // It changed all the while.
                    continue;
                }

                // Which of the versions it is that come round; it is one between what was known before and what is known now.
                var atMost = Volatile.Read(ref written[i]);
                var grant = snapshot[0];
                Assert.Equal(1, snapshot.Count);
                Assert.Equal(callers[i].Key, grant.CallerKey);
                var round = int.Parse(grant.Resource!["v=".Length..]);
                var version = Enumerable.Range(atLeast, Math.Min(atMost - atLeast + 1, 6)).Where(v => v % 6 == round).DefaultIfEmpty(-1).First();
                Assert.True(version >= 0, $"caller {i} was seen at round {round}, and is between {atLeast} and {atMost}");

                // What was taken earlier is current only while nothing was told since.
                ref var earlier = ref before[looks % before.Length];
                if (earlier.Known > 0)
                    AssertNotOutlived(earlier.Snapshot, earlier.Known, told, earlier.Caller);
                earlier = (snapshot, atMost + 1, i);
                looks++;
            }
        })).ToArray();
        var changes = new Random(1);
        for (var n = 0; n < Changes; n++)
        {
            var i = changes.Next(Callers);
            Volatile.Write(ref written[i], written[i] + 1);
            if (n % 500 == 499)
                store.Views.DropAll();
            else
                store.Views.Drop(callers[i].Key);
            Volatile.Write(ref told[i], written[i]);
            if (n % 50 == 0)
                await Task.Yield();
        }

        Volatile.Write(ref done, true);
        await Task.WhenAll(reading);
        Assert.InRange(store.Views.Count, 1, mostViews);
    }

    [Fact]
    public async Task A_load_that_fails_is_begun_anew_by_the_next_and_told_to_all_who_waited()
    {
        using var store = new GrantStore(new GatewayOptions());
        var caller = CallerOf(1);
        var reading = new TaskCompletionSource<PrincipalView>();
        var reads = 0;
        store.Read = _ => Interlocked.Increment(ref reads) == 1 ? reading.Task : Task.FromResult(new PrincipalView(1, []));
        var waiting = Enumerable.Range(0, 3).Select(_ => store.Views.Get(caller).AsTask()).ToArray();
        reading.SetException(new InvalidOperationException("gone"));
        foreach (var one in waiting)
            Assert.Equal("gone", (await Assert.ThrowsAsync<InvalidOperationException>(() => one)).Message);
        Assert.Equal(0, store.Views.Count);
        Assert.Equal(0, (await store.Views.Get(caller)).Count);
        Assert.Equal(2, reads);
        Assert.True(store.Views.Get(caller).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Anothers_grant_and_a_forged_one_are_left_out()
    {
        using var store = new GrantStore(new GatewayOptions());
        var genuine = store.Signer.Sign(GrantOf(CallerOf(1), 1));
        var others = store.Signer.Sign(GrantOf(CallerOf(2), 2));
        store.Read = _ => Task.FromResult(new PrincipalView(1, [new ActiveGrant(others, null), new ActiveGrant(genuine, 2), new ActiveGrant(genuine with { Resource = "v=3" }, null)]));
        var snapshot = await store.Views.Get(CallerOf(1));
        Assert.Equal(genuine.Id, Assert.Single(snapshot.All()).Id);
        Assert.Equal(2, snapshot.UsesLeft(snapshot.SlotOf(0)));
    }

    private static void AssertNotOutlived(GrantsSnapshot snapshot, int newest, int[] told, int caller)
    {
        var known = Volatile.Read(ref told[caller]);
        Assert.False(known >= newest && snapshot.IsCurrent, $"caller {caller}: what was taken before {newest} is current though {known} was told");
    }

    private static Caller CallerOf(int i) => new()
    {
        Principal = new PrincipalId($"dev:user:u{i}"),
        Actors = i % 2 == 0 ? [] : [new PrincipalId("dev:agent:bot")],
        TokenIssuedAt = Sample.Start,
        TokenExpiresAt = Sample.Start.AddHours(1),
    };

    private static Grant GrantOf(Caller caller, int version) => Sample.Grant(version + 1, null, $"v={version}") with { Principal = caller.Principal, Actors = caller.Actors, Epoch = "1" };
}
