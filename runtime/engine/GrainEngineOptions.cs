using Microsoft.Extensions.Options;

namespace JitGrains.Runtime.Engine;

/// <summary>How the engine runs. Checked whole when it is added; every problem is listed at once.</summary>
public sealed partial class GrainEngineOptions
{
    private readonly List<Type> grains = [];

    /// <summary>The folder of the database file, created (mode 0700) where it is missing. Either this or <see cref="UseMemory"/>; no default.</summary>
    public string? DataFolder { get; set; }

    /// <summary>Keep everything in memory, for tests: same behaviour, nothing durable. Default false.</summary>
    public bool UseMemory { get; set; }

    /// <summary>Pass arguments and results through the serializer, as between machines, so that aliasing shows. For tests. Default false.</summary>
    public bool RoundTripCalls { get; set; }

    /// <summary>Sources whose messages are delivered at the same time. Default 16.</summary>
    public int OutboxParallelism { get; set; } = 16;

    /// <summary>The wait after a source's first failed delivery; it doubles with each further one. Default 100 ms.</summary>
    public TimeSpan OutboxRetryMin { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait between a source's deliveries. Default 30 s.</summary>
    public TimeSpan OutboxRetryMax { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often due reminders are looked for where nothing else wakes the service. Default 1 s.</summary>
    public TimeSpan ReminderPoll { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The wait before a reminder whose turn failed is delivered again. Default 5 s.</summary>
    public TimeSpan ReminderRetry { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Reminders delivered at the same time. Default 16.</summary>
    public int ReminderParallelism { get; set; } = 16;

    /// <summary>Writes that may wait for the database; beyond that, turns wait for a place. Default 4096.</summary>
    public int WriteQueueCapacity { get; set; } = 4096;

    /// <summary>Most writes in one transaction. Default 512.</summary>
    public int MaxWritesPerCommit { get; set; } = 512;

    /// <summary>Read connections to the database. Default 4.</summary>
    public int ReadConnections { get; set; } = 4;

    internal IReadOnlyList<Type> Grains => grains;

    /// <summary>Hosts a grain class.</summary>
    public GrainEngineOptions AddGrain<TGrain>()
        where TGrain : Grain
    {
        grains.Add(typeof(TGrain));
        return this;
    }

    internal GrainTypes Validate()
    {
        var problems = new List<string>();
        if (UseMemory == (DataFolder is not null))
            problems.Add($"choose one store: either {nameof(DataFolder)} or {nameof(UseMemory)}");
        if (DataFolder is not null && string.IsNullOrWhiteSpace(DataFolder))
            problems.Add($"{nameof(DataFolder)} is empty");
        AtLeastOne(problems, nameof(OutboxParallelism), OutboxParallelism);
        AtLeastOne(problems, nameof(ReminderParallelism), ReminderParallelism);
        AtLeastOne(problems, nameof(WriteQueueCapacity), WriteQueueCapacity);
        AtLeastOne(problems, nameof(MaxWritesPerCommit), MaxWritesPerCommit);
        AtLeastOne(problems, nameof(ReadConnections), ReadConnections);
        Positive(problems, nameof(OutboxRetryMin), OutboxRetryMin);
        Positive(problems, nameof(ReminderPoll), ReminderPoll);
        Positive(problems, nameof(ReminderRetry), ReminderRetry);
        if (OutboxRetryMax < OutboxRetryMin)
            problems.Add($"{nameof(OutboxRetryMax)} is less than {nameof(OutboxRetryMin)}");
        var types = GrainTypes.Create(Grains, problems);
        return problems.Count == 0
            ? types
            : throw new OptionsValidationException(nameof(GrainEngineOptions), typeof(GrainEngineOptions), problems);
    }

    private static void AtLeastOne(List<string> problems, string name, int value)
    {
        if (value < 1)
            problems.Add($"{name} is {value}; it must be at least 1");
    }

    private static void Positive(List<string> problems, string name, TimeSpan value)
    {
        if (value <= TimeSpan.Zero)
            problems.Add($"{name} is {value}; it must be more than zero");
    }
}
