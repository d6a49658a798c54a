using System.Reflection;
using System.Text;
using System.Text.Json;
using JitGrains.GatewayTests.Support;
using JitGrains.Json;
using JitGrains.Shell;
using Microsoft.Data.Sqlite;

namespace JitGrains.WaysTests.Inputs;

/// <summary>
/// What is stored, spoilt: read as a state that can be written again, or refused as no JSON of ours. A state is never half there: what a
/// grain relies on is never null.
/// </summary>
public class StoredInputTests
{
    private const int Rounds = 20_000;

    [Fact]
    public async Task A_spoilt_state_is_read_or_refused()
    {
        var states = await RealStates();
        Assert.True(states.Select(s => s.Type).Distinct(StringComparer.Ordinal).Count() >= 5, string.Join(", ", states.Select(s => s.Type).Distinct(StringComparer.Ordinal)));
        var mutator = new InputMutator(5);
        var (read, refused) = (0, 0);
        for (var i = 0; i < Rounds; i++)
        {
            var (type, json) = mutator.One(states);
            // Half a surrogate pair cannot be stored.
            var spoilt = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(mutator.Json(json)));
            var document = DocumentOf(type);
            object state;
            try
            {
                state = JsonSerializer.Deserialize(spoilt, document, JitJson.Options)!;
            }
            catch (JsonException)
            {
                refused++;
                continue;
            }
            catch (Exception e)
            {
                Assert.Fail($"{type}: {e}\n{Shown.Of(spoilt)}");
                return;
            }

            read++;
            if (state is not null)
                JsonSerializer.Serialize(state, document, JitJson.Options);
        }

        Assert.True(read > 500 && refused > 500, $"{read} read, {refused} refused");
    }

    [Fact]
    public async Task Fields_of_later_versions_survive()
    {
        foreach (var (type, json) in await RealStates())
        {
            var document = DocumentOf(type);
            var later = json.Insert(1, "\"of_tomorrow\":{\"a\":[1]},");
            var again = JsonSerializer.Serialize(JsonSerializer.Deserialize(later, document, JitJson.Options), document, JitJson.Options);
            Assert.Contains("\"of_tomorrow\":{\"a\":[1]}", again, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_state_of_a_later_layout_is_not_read()
    {
        var (type, json) = (await RealStates())[0];
        Assert.StartsWith("{\"v\":1,", json, StringComparison.Ordinal);
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize("{\"v\":2," + json[7..], DocumentOf(type), JitJson.Options));
    }

    /// <summary>What a real run leaves behind: an ask, a vote, a use, a revocation, a block.</summary>
    private static async Task<List<(string Type, string Json)>> RealStates()
    {
        var folder = Directory.CreateTempSubdirectory("jitgrains-ways-").FullName;
        await using (var upstream = await OrdersUpstream.Start())
        await using (var gateway = await GatewayFixture.Start(upstream.Address, folder: folder, keep: true))
        {
            var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
            await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "tidy up" });
            await gateway.Send("DELETE", "/orders/1", alice);
            await gateway.Granted(alice, bob, new { action = "orders.close", resource = new { order = "2" }, reason = "tidy up", uses = 2 });
            await gateway.Send("PUT", "/orders/2/closed", alice);
            await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.close", resource = new { order = "3" }, reason = "later" });
            await gateway.Approver("PUT", "blocks/dev:user:dave", bob, new { reason = "away" });
        }

        var states = new List<(string, string)>();
        await using (var store = new SqliteConnection($"Data Source={Path.Combine(folder, "data", "jitgrains.db")};Mode=ReadOnly;Pooling=False"))
        {
            await store.OpenAsync();
            await using var select = store.CreateCommand();
            select.CommandText = "SELECT type, state FROM grains ORDER BY type, key";
            await using var rows = await select.ExecuteReaderAsync();
            while (await rows.ReadAsync())
                states.Add((rows.GetString(0), rows.GetString(1)));
        }

        Directory.Delete(folder, recursive: true);
        return states;
    }

    /// <summary>The document of a grain type, found by the state that the grain declares.</summary>
    private static Type DocumentOf(string type)
    {
        var grain = typeof(MachineGrain<,>).Assembly.GetTypes().Single(t => t.GetCustomAttribute<GrainTypeAttribute>()?.GrainType == type);
        for (var at = grain.BaseType; at is not null; at = at.BaseType)
        {
            if (at.IsGenericType && at.GetGenericTypeDefinition() == typeof(MachineGrain<,>))
                return typeof(GrainDocument<>).MakeGenericType(at.GetGenericArguments()[0]);
        }

        throw new InvalidOperationException($"{grain} has no document.");
    }
}
