using Microsoft.Extensions.Options;

namespace JitGrains.Runtime.Engine;

/// <summary>How the engine runs. Checked whole when it is added; every problem is listed at once.</summary>
public sealed partial class GrainEngineOptions
{
    private readonly List<Type> grains = [];

    /// <summary>The folder of the database file, created (mode 0700) where it is missing. One of this, <see cref="UseMemory"/> and <see cref="Database"/>; no default.</summary>
    public string? DataFolder { get; set; }

    /// <summary>Keep everything in memory, for tests: same behaviour, nothing durable. Default false.</summary>
    public bool UseMemory { get; set; }

    /// <summary>The connection string of a PostgreSQL database (15 or later) that several processes may share. It may hold a password: never log it.</summary>
    public string? Database { get; set; }

    /// <summary>The same database by a login that may change its schema. Default: <see cref="Database"/>.</summary>
    public string? DatabaseOwner { get; set; }

    /// <summary>The same database without a pooler in between, for the one connection that listens. Default: <see cref="Database"/>.</summary>
    public string? DatabaseListen { get; set; }

    /// <summary>
    /// Whether <see cref="Database"/> is reached through a pooler that gives out connections by the transaction (pgbouncer): no
    /// prepared statements then, and each transaction sets its own timeouts. Default false.
    /// </summary>
    public bool DatabaseBehindPooler { get; set; }

    /// <summary>Connections to the database. Beyond those that deliver messages, as many turns run at once. Default 32.</summary>
    public int DatabaseConnections { get; set; } = 32;

    /// <summary>How long a turn waits for a grain that another process has locked. Default 2 s.</summary>
    public TimeSpan DatabaseLockTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a statement may take. Default 5 s; without any answer, the process gives up 2 s later.</summary>
    public TimeSpan DatabaseStatementTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a process that has stopped running may keep a grain locked. Default 5 s.</summary>
    public TimeSpan DatabaseIdleTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long connecting may take, or waiting for a free connection. Default 3 s; counted in whole seconds.</summary>
    public TimeSpan DatabaseConnectTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a start waits for a database that does not answer, or for its schema. Default 30 s.</summary>
    public TimeSpan DatabaseStartWait { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Take turns' time from the database's clock, which all processes share. Default true; false is for tests with a clock of their own.</summary>
    public bool UseDatabaseClock { get; set; } = true;

    /// <summary>
    /// Grains whose documents this process keeps in memory as it wrote them last, so that their next turn here need not read them
    /// from a shared database; whether they are still what is stored it asks each time. 0 for none. Default 4096.
    /// </summary>
    public int KeptDocuments { get; set; } = 4096;

    /// <summary>Deliver grains' messages in this process. Where false, other processes that share the database are told of them. Default true.</summary>
    public bool RunsOutbox { get; set; } = true;

    /// <summary>
    /// What has to have happened in this process before grains' messages are delivered, for whoever takes them to be ready. A task made
    /// from the process' services; default none.
    /// </summary>
    public Func<IServiceProvider, Task>? DeliverAfter { get; set; }

    /// <summary>Deliver reminders in this process. Where false, other processes that share the database do. Default true.</summary>
    public bool RunsReminders { get; set; } = true;

    /// <summary>How often a shared database is searched for messages that nobody was told of. Default 2 s.</summary>
    public TimeSpan OutboxSweep { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a process of several may take over a due reminder before another tries. Default 30 s.</summary>
    public TimeSpan ReminderClaim { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Pass arguments, results and state through the serializer, as between machines, so that aliasing shows. For tests. Default false.</summary>
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

    /// <summary>How long a source waits after so many failed deliveries in a row.</summary>
    internal TimeSpan OutboxBackoff(int failures)
    {
        var factor = Math.Pow(2, Math.Min(failures - 1, 30));
        return OutboxRetryMin * factor < OutboxRetryMax ? OutboxRetryMin * factor : OutboxRetryMax;
    }

    internal GrainTypes Validate()
    {
        var problems = new List<string>();
        if ((UseMemory ? 1 : 0) + (DataFolder is null ? 0 : 1) + (Database is null ? 0 : 1) != 1)
            problems.Add($"choose one store: either {nameof(DataFolder)} or {nameof(Database)} or {nameof(UseMemory)}");
        CheckDatabase(problems);
        if (DataFolder is not null && string.IsNullOrWhiteSpace(DataFolder))
            problems.Add($"{nameof(DataFolder)} is empty");
        AtLeastOne(problems, nameof(OutboxParallelism), OutboxParallelism);
        AtLeastOne(problems, nameof(ReminderParallelism), ReminderParallelism);
        AtLeastOne(problems, nameof(WriteQueueCapacity), WriteQueueCapacity);
        AtLeastOne(problems, nameof(MaxWritesPerCommit), MaxWritesPerCommit);
        AtLeastOne(problems, nameof(ReadConnections), ReadConnections);
        if (KeptDocuments < 0)
            problems.Add($"{nameof(KeptDocuments)} is {KeptDocuments}; it must be 0 or more");
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

    /// <summary>What is wrong with the options of the database, so that a host can tell it with what else is wrong.</summary>
    public IReadOnlyList<string> DatabaseProblems()
    {
        var problems = new List<string>();
        CheckDatabase(problems);
        return problems;
    }

    private void CheckDatabase(List<string> problems)
    {
        foreach (var (name, text) in ((string, string?)[])[(nameof(Database), Database), (nameof(DatabaseOwner), DatabaseOwner), (nameof(DatabaseListen), DatabaseListen)])
        {
            if (text is not null && !PostgresConnections.IsConnectionString(text))
                problems.Add($"{name} is no connection string (Host=...;Database=...;Username=...;Password=...)");
            if (text is not null && Database is null)
                problems.Add($"{name} is set without {nameof(Database)}");
        }

        if (Database is null && !(RunsOutbox && RunsReminders))
            problems.Add($"{nameof(RunsOutbox)} and {nameof(RunsReminders)} can be false only where processes share a {nameof(Database)}");
        if (DatabaseConnections <= OutboxParallelism)
            problems.Add($"{nameof(DatabaseConnections)} is {DatabaseConnections}; it must be more than {nameof(OutboxParallelism)} ({OutboxParallelism}), since a delivery holds a connection while turns need others");
        Positive(problems, nameof(DatabaseLockTimeout), DatabaseLockTimeout);
        Positive(problems, nameof(DatabaseStatementTimeout), DatabaseStatementTimeout);
        Positive(problems, nameof(DatabaseIdleTimeout), DatabaseIdleTimeout);
        Positive(problems, nameof(DatabaseConnectTimeout), DatabaseConnectTimeout);
        Positive(problems, nameof(DatabaseStartWait), DatabaseStartWait);
        Positive(problems, nameof(OutboxSweep), OutboxSweep);
        Positive(problems, nameof(ReminderClaim), ReminderClaim);
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
