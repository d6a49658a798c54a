using JitGrains.Gateway.Grants;
using JitGrains.Identity;
using Xunit;

namespace JitGrains.GatewayTests.Calls;

/// <summary>The table of packed grants beside a dictionary, with hashes that meet, and with many who search while one changes it.</summary>
public class GrantTableTests
{
    [Fact]
    public void The_table_holds_what_a_dictionary_holds()
    {
        for (var seed = 0; seed < 6; seed++)
        {
            var random = new Random(seed);
            var (table, model) = (new GrantTable(), new Dictionary<CallerHash, byte[]>());
            for (var step = 0; step < 20_000; step++)
            {
                var caller = Hash(random.Next(1_500));
                switch (random.Next(step % 6_000 < 3_000 ? 10 : 6))
                {
                    case 0 or 1:
                        Assert.Same(model.GetValueOrDefault(caller), table.TakeOut(caller));
                        model.Remove(caller);
                        break;
                    case 2 when random.Next(4) == 0:
                        if (table.TakeOutAny() is { } any)
                            Assert.True(model.Remove(GrantsSnapshot.Head(any).Caller));
                        else
                            Assert.Empty(model);
                        break;
                    case 2 or 3 or 4:
                        Assert.Same(model.GetValueOrDefault(caller), table.Find(caller));
                        break;
                    default:
                        table.Put(caller, model[caller] = Data(caller));
                        break;
                }

                Assert.Equal(model.Count, table.Count);
            }

            Assert.All(model, kept => Assert.Same(kept.Value, table.Find(kept.Key)));
        }
    }

    [Fact]
    public void What_was_dropped_is_not_found()
    {
        var table = new GrantTable();
        var data = Data(Hash(1));
        table.Put(Hash(1), data);
        Assert.Same(data, table.Find(Hash(1)));
        GrantsSnapshot.Drop(data);
        Assert.Null(table.Find(Hash(1)));
    }

    [Fact]
    public void What_is_noted_with_a_caller_is_found_while_it_is_in_that_table_and_no_longer()
    {
        var caller = new Caller { Principal = Sample.Alice, TokenIssuedAt = Sample.Start, TokenExpiresAt = Sample.Start.AddHours(1) };
        var other = caller with { Actors = [Sample.Bob] };
        var (one, two) = (new GrantTable(), new GrantTable());
        var (inOne, inTwo, others) = (Data(caller.KeyHash), Data(caller.KeyHash), Data(other.KeyHash));
        one.Put(caller.KeyHash, inOne);
        two.Put(caller.KeyHash, inTwo);
        one.Put(other.KeyHash, others);
        for (var i = 0; i < 3; i++)
        {
            Assert.Same(inOne, one.Find(caller));
            Assert.Same(inOne, one.Find(caller));
            Assert.Same(inTwo, two.Find(caller));
            Assert.Same(others, one.Find(other));
            Assert.Same(others, one.Find(caller with { Actors = [Sample.Bob] }));
        }

        Assert.Same(inOne, one.Find(caller));
        var anew = Data(caller.KeyHash);
        one.Put(caller.KeyHash, anew);
        Assert.Same(anew, one.Find(caller));
        one.TakeOut(caller.KeyHash);
        Assert.Null(one.Find(caller));
        Assert.Same(inTwo, two.Find(caller));
        while (two.TakeOutAny() is not null)
        {
        }

        Assert.Null(two.Find(caller));
        Assert.Same(others, one.Find(other));
    }

    [Fact]
    public async Task Whoever_searches_finds_what_was_put_there_and_nobody_elses()
    {
        const int Callers = 600;
        const int Steps = 60_000;
        var table = new GrantTable();
        // Those below are never taken out; so they must be found at any time, however the table is made anew.
        for (var i = 0; i < Callers / 4; i++)
            table.Put(Hash(i), Data(Hash(i)));
        var done = false;
        var searching = Enumerable.Range(0, 3).Select(seed => Task.Run(() =>
        {
            var (random, found) = (new Random(seed), 0);
            while (!Volatile.Read(ref done) || found < 1_000)
            {
                var i = random.Next(Callers);
                var data = table.Find(Hash(i));
                if (data is null)
                {
                    Assert.True(i >= Callers / 4, $"caller {i} is always there, and was not found");
                    continue;
                }

                Assert.Equal(Hash(i), GrantsSnapshot.Head(data).Caller);
                found++;
            }
        })).ToArray();
        var changes = new Random(7);
        for (var step = 0; step < Steps; step++)
        {
            var caller = Hash(changes.Next(Callers / 4, Callers));
            if (changes.Next(2) == 0)
                table.TakeOut(caller);
            else if (table.Find(caller) is null)
                table.Put(caller, Data(caller));
        }

        Volatile.Write(ref done, true);
        await Task.WhenAll(searching);
    }

    /// <summary>The first part is where the search begins: it is the same for many.</summary>
    private static CallerHash Hash(int i) => new((ulong)(i % 97) * 0x1_0000_0001, (ulong)i, 3, 4);

    private static byte[] Data(CallerHash caller) => new GrantPacker(new SharedTexts()).Pack(caller, []);
}
