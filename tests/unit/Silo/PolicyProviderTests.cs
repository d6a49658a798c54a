using JitGrains.Silo;
using JitGrains.Silo.Policies;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Silo;

public sealed class PolicyProviderTests : IAsyncLifetime
{
    private SiloHost host = null!;
    private PolicyProvider provider = null!;

    public async Task InitializeAsync()
    {
        host = await SiloHost.StartAsync();
        provider = host.Services.GetRequiredService<PolicyProvider>();
    }

    public async Task DisposeAsync() => await host.DisposeAsync();

    private Task Write(string text) => File.WriteAllTextAsync(host.PolicyPath, text);

    private async Task Look(int times)
    {
        for (var i = 0; i < times; i++)
            await provider.LookAsync();
    }

    private async Task<string> Ready() => (await host.Send(null, "GET", "/readyz")).Json!["status"]!.GetValue<string>();

    private async Task<List<string?>> Recorded() =>
        [.. (await host.As("dave", "GET", "/api/v1/audit?type=policy.changed")).Json!["items"]!.AsArray().Select(e => e!["data"]!["policy_version"]?.GetValue<string>())];

    [Fact]
    public async Task A_change_is_taken_once_it_was_seen_twice()
    {
        var before = provider.Current.Version;
        var told = new List<string>();
        provider.Changed += (_, e) => told.Add(e.Policy.Version);
        await Write(SiloHost.Policy.Replace("quorum: 1", "quorum: 2", StringComparison.Ordinal));
        await Look(1);
        Assert.Equal(before, provider.Current.Version);
        await Look(1);
        Assert.NotEqual(before, provider.Current.Version);
        Assert.Equal([provider.Current.Version], told);
        Assert.Equal([provider.Current.Version, before], await Recorded());
        await Look(3);
        Assert.Single(told);
    }

    [Theory]
    [InlineData("")]
    [InlineData("rules: [")]
    [InlineData("version: 1\nrealm: dev\nsurprise: 1\n")]
    public async Task A_bad_change_leaves_the_last_good_policy_in_force_and_says_so(string text)
    {
        var before = provider.Current;
        await Write(text);
        await Look(4);
        Assert.Same(before, provider.Current);
        Assert.True(provider.Status.Degraded);
        Assert.NotEmpty(provider.Status.Problems);
        Assert.Equal("degraded", await Ready());
        Assert.Equal("degraded", (await host.As("alice", "GET", "/api/v1/policy")).Json!["status"]!.GetValue<string>());
        await Write(SiloHost.Policy);
        await Look(2);
        Assert.False(provider.Status.Degraded);
        Assert.Equal("ready", await Ready());
        Assert.Single(await Recorded());
    }

    [Fact]
    public async Task A_missing_file_is_a_bad_change()
    {
        File.Delete(host.PolicyPath);
        await Look(3);
        Assert.True(provider.Status.Degraded);
        await Write(SiloHost.Policy);
        await Look(2);
        Assert.False(provider.Status.Degraded);
    }

    [Fact]
    public async Task A_file_that_changes_by_symbolic_link_is_followed()
    {
        var before = provider.Current.Version;
        var next = host.PolicyPath + ".next";
        await File.WriteAllTextAsync(next, SiloHost.Policy.Replace("uses: once", "uses: 3", StringComparison.Ordinal));
        File.Delete(host.PolicyPath);
        File.CreateSymbolicLink(host.PolicyPath, next);
        await Look(2);
        Assert.NotEqual(before, provider.Current.Version);
    }

    [Fact]
    public async Task It_looks_by_itself_every_two_seconds()
    {
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        provider.Changed += (_, _) => changed.TrySetResult();
        await Write(SiloHost.Policy.Replace("quorum: 1", "quorum: 2", StringComparison.Ordinal));
        while (!changed.Task.IsCompleted)
        {
            host.Time.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }

        Assert.False(provider.Status.Degraded);
    }

    [Fact]
    public void Files_are_read_in_order_and_hidden_ones_left_out()
    {
        using var temp = new TempFolder();
        File.WriteAllText(Path.Combine(temp.Root, "b.yml"), "b");
        File.WriteAllText(Path.Combine(temp.Root, "a.yaml"), "a");
        File.WriteAllText(Path.Combine(temp.Root, ".hidden.yaml"), "h");
        File.WriteAllText(Path.Combine(temp.Root, "notes.txt"), "n");
        var files = PolicyFiles.Read(temp.Root);
        Assert.Equal(["a", "b"], files.Files.Select(f => f.Text));
        File.WriteAllText(Path.Combine(temp.Root, "a.yaml"), "A");
        Assert.NotEqual(files.Fingerprint, PolicyFiles.Read(temp.Root).Fingerprint);
        File.WriteAllBytes(Path.Combine(temp.Root, "a.yaml"), [0xff, 0xfe]);
        Assert.Contains("UTF-8", PolicyFiles.Read(temp.Root).Trouble, StringComparison.Ordinal);
        Assert.NotNull(PolicyFiles.Read(Path.Combine(temp.Root, "none")).Trouble);
        using var empty = new TempFolder();
        Assert.NotNull(PolicyFiles.Read(empty.Root).Trouble);
    }
}
