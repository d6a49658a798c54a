using JitGrains.Keys;
using JitGrains.Silo.Keys;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>What programs do that call with API keys, and what is done about them.</summary>
internal sealed partial class Story
{
    private static readonly TimeSpan KeysLast = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, Presented> keys = new(StringComparer.Ordinal);

    /// <summary>Reads by a key again and again, by any gateway; the key is made where there is none yet.</summary>
    private async Task KeyReads(string robot, TimeSpan length, Dice dice)
    {
        if (!keys.TryGetValue(robot, out var key))
        {
            if (PickUp(cluster.Silos, dice) is not { } silo)
                return;
            keys[robot] = key = cluster.Issuer.Make(robot, KeysLast);
            var create = new CreateApiKey($"cmd-{robot}", robot, ApiKeyText.HashOf(key.Text), People.Id("olga"), People.Id("olga"), KeysLast, [], new ApiKeyScope([], []), null);
            await Try(silo, $"make key {robot}", () => silo.Get<IGrainFactory>().GetGrain<IApiKeysGrain>(IApiKeysGrain.Key).Create(create));
        }

        for (var began = world.Now; world.Now - began < length;)
        {
            if (PickUp(cluster.Gateways, dice) is { } host)
                await Send(host, Call.Read(robot, 1), 0, null, null);
            await world.Pause(dice.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(200)));
        }
    }

    private async Task RevokesKey(string robot, Dice dice)
    {
        if (!keys.ContainsKey(robot) || PickUp(cluster.Silos, dice) is not { } host)
            return;
        var began = checker.BlockBegins(robot);
        var reply = await Try(host, $"revoke key {robot}", () => host.Get<KeyRevocation>().RevokeAsync(robot, Order(dice)));
        if (reply?.Value is not null)
            checker.Blocked(robot, began);
    }
}
