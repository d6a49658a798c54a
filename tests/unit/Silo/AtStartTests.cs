using JitGrains.Audit;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Telemetry;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Silo;

/// <summary>A store that is busy or away while a process starts.</summary>
public sealed class AtStartTests
{
    private readonly ManualTime time = new();

    public static TheoryData<Exception> Busy =>
    [
        new StoreUnavailableException("canceling statement due to lock timeout"),
        new InconsistentStateException("a grain was written by another turn"),
        new TimeoutException("The operation has timed out."),
    ];

    [Theory]
    [MemberData(nameof(Busy))]
    public async Task A_first_turn_that_finds_the_store_busy_is_tried_again(Exception busy)
    {
        await using var host = await SiloHost.StartAsync();
        var chain = new BusyChain(3, busy);
        using var provider = Provider(host, chain);
        await Wait(provider.StartAsync(CancellationToken.None));
        Assert.Equal(4, chain.Commands.Count);
        // Any of them may have been written before it failed.
        Assert.Single(chain.Commands.Distinct());
        await provider.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_store_that_stays_busy_fails_the_start_with_one_line()
    {
        await using var host = await SiloHost.StartAsync();
        using var provider = Provider(host, new BusyChain(int.MaxValue, new StoreUnavailableException("lock timeout")));
        var before = time.GetUtcNow();
        var failed = await Assert.ThrowsAsync<StartupException>(() => Wait(provider.StartAsync(CancellationToken.None)));
        Assert.Equal(["The store cannot be used: lock timeout"], failed.Problems);
        Assert.True(time.GetUtcNow() - before >= AtStart.Within);
    }

    [Fact]
    public async Task A_bug_is_not_tried_again()
    {
        var tries = 0;
        await Assert.ThrowsAsync<InvalidOperationException>(() => AtStart.Reach(
            () =>
            {
                tries++;
                return Task.FromException(new InvalidOperationException("a bug"));
            },
            time));
        Assert.Equal(1, tries);
    }

    private PolicyProvider Provider(SiloHost host, BusyChain chain) => new(
        host.Services.GetRequiredService<SiloOptions>(), chain, host.Services.GetRequiredService<IIdGenerator>(), host.Services.GetRequiredService<SiloMetrics>(), time, NullLogger<PolicyProvider>.Instance);

    /// <summary>Lets time pass until it is done.</summary>
    private async Task Wait(Task start)
    {
        while (!start.IsCompleted)
        {
            time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Yield();
        }

        await start;
    }

    /// <summary>A system chain that fails at first.</summary>
    private sealed class BusyChain(int times, Exception busy) : IGrainFactory, ISystemChainGrain
    {
        public List<string> Commands { get; } = [];

        TGrain IGrainFactory.GetGrain<TGrain>(string key) => (TGrain)(object)this;

        public Task<Reply<Done>> Record(SystemRecord record)
        {
            Commands.Add(record.CommandId);
            return Commands.Count <= times ? Task.FromException<Reply<Done>>(busy) : Task.FromResult<Reply<Done>>(Done.Instance);
        }
    }
}
