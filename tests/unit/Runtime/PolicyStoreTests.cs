using JitGrains.Outbox;
using JitGrains.PolicyVersions;
using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

public class PolicyStoreTests
{
    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Versions_are_kept_with_their_texts_byte_for_byte(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var policies = engine.Get<IPolicyStore>();
        Assert.Null(await policies.GetPolicyHeadAsync());
        Assert.Null(await policies.GetPolicyAsync(1));

        var first = new StoredPolicy(1, "sha256-1", [new("b.yaml", "x: \"ä\\n\"\r\n"), new("a.yaml", "")], null, Samples.T0, null);
        var second = new StoredPolicy(2, "sha256-2", [new("a.yaml", "y: 1\n")], Samples.Alice, Samples.T0 + TimeSpan.FromTicks(10), "because");
        await engine.Store.WriteAsync("one", new OutboxMessage.ShowPolicy(first));
        await engine.Store.WriteAsync("one", new OutboxMessage.ShowPolicy(second));

        Assert.Equal(new PolicyHead(2, "sha256-2"), await policies.GetPolicyHeadAsync());
        Same(first, await policies.GetPolicyAsync(1));
        Same(second, await policies.GetPolicyAsync(2));
    }

    private static void Same(StoredPolicy expected, StoredPolicy? actual)
    {
        Assert.Equal(expected.Files.ToArray(), actual!.Files.ToArray());
        Assert.Equal(expected with { Files = default }, actual with { Files = default });
    }
}
