namespace JitGrains.ClusterTests.Load;

/// <summary>The mixed load: who all there is. Started once, stopped once.</summary>
internal sealed class Loads : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly List<IDisposable> clients = [];
    private readonly Task running;

    public Loads(World world, int seed)
    {
        var random = new Random(seed);
        List<Caller> callers =
        [
            .. Many(3, s => new Reader(world, s)),
            .. Many(2, s => new Automatic(world, s)),
            .. Many(3, s => new Held(world, s)),
            .. Many(3, s => new Spender(world, s)),
            .. Many(8, s => new Windowed(world, s)),
            .. Many(2, s => new Watcher(world, s, sockets: false)),
            .. Many(2, s => new Watcher(world, s, sockets: true)),
        ];
        List<Approver> approvers = [.. world.Managers.Select(m => new Approver(world, m, random.Next()))];
        List<Revoker> revokers = [.. Many(4, s => new Revoker(world, s, rest: TimeSpan.FromMilliseconds(300)))];
        var blocker = new Blocker(world, random.Next());
        clients.AddRange([.. callers, .. approvers, .. revokers, blocker]);
        running = Task.WhenAll(
        [
            .. callers.Select(c => c.Run(stop.Token)), .. approvers.Select(a => a.Run(stop.Token)), .. revokers.Select(r => r.Run(stop.Token)), blocker.Run(stop.Token),
        ]);

        IEnumerable<T> Many<T>(int count, Func<int, T> make) => Enumerable.Range(0, count).Select(_ => make(random.Next())).ToList();
    }

    /// <summary>Whether one of them has failed: a bug of the tests.</summary>
    public bool IsBroken => running.IsFaulted;

    /// <summary>Ends it; what is under way is finished.</summary>
    public async Task Stop()
    {
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromMinutes(3));
    }

    public async ValueTask DisposeAsync()
    {
        if (!stop.IsCancellationRequested)
            await Stop();
        foreach (var client in clients)
            client.Dispose();
        stop.Dispose();
    }
}
