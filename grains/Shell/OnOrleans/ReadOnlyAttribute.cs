namespace JitGrains;

/// <summary>
/// A method that changes nothing. It is not Orleans' own attribute, which lets such methods run between the awaits of
/// others: one that reads the state anew would take from under a turn what that turn is about to write.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ReadOnlyAttribute : Attribute;
