namespace JitGrains.Runtime;

/// <summary>A grain that can be reminded.</summary>
public interface IRemindable : IGrain
{
    /// <summary>Called, as a turn of its own, each time a reminder of this grain falls due.</summary>
    Task ReceiveReminder(string reminderName, TickStatus status);
}

/// <summary>When a reminder fell due.</summary>
/// <param name="FirstTickTime">When it was first due.</param>
/// <param name="Period">The time between two ticks.</param>
/// <param name="CurrentTickTime">When this tick was due.</param>
public readonly record struct TickStatus(DateTime FirstTickTime, TimeSpan Period, DateTime CurrentTickTime);

/// <summary>A registered reminder.</summary>
public interface IGrainReminder
{
    /// <summary>Its name, unique within its grain.</summary>
    string ReminderName { get; }
}

/// <summary>Reminders of the grain whose turn is running.</summary>
public interface IGrainReminders
{
    /// <summary>Registers or moves a reminder. On the built-in engine it is written with the turn's state, in one transaction.</summary>
    Task<IGrainReminder> RegisterOrUpdateAsync(string reminderName, TimeSpan dueTime, TimeSpan period);

    /// <summary>Removes a reminder; removing one that is not there is no error.</summary>
    Task UnregisterAsync(string reminderName);

    /// <summary>The reminder of that name, or null.</summary>
    Task<IGrainReminder?> GetAsync(string reminderName);
}

/// <summary>The calls that grains use, spelled as Orleans spells them.</summary>
public static class GrainExtensions
{
    /// <summary>The grain's string key.</summary>
    public static string GetPrimaryKeyString(this Grain grain) => grain.GrainContext.GrainId.Key;

    /// <summary>Registers or moves a reminder of this grain.</summary>
    public static Task<IGrainReminder> RegisterOrUpdateReminder(this Grain grain, string reminderName, TimeSpan dueTime, TimeSpan period) =>
        grain.GrainContext.Reminders.RegisterOrUpdateAsync(reminderName, dueTime, period);

    /// <summary>The reminder of that name, or null.</summary>
    public static Task<IGrainReminder?> GetReminder(this Grain grain, string reminderName) =>
        grain.GrainContext.Reminders.GetAsync(reminderName);

    /// <summary>Removes a reminder of this grain.</summary>
    public static Task UnregisterReminder(this Grain grain, IGrainReminder reminder) =>
        grain.GrainContext.Reminders.UnregisterAsync(reminder.ReminderName);
}
